"""Prints what huggingface_hub makes of a model card, as JSON, or fails.

    read_card.py README.md
"""

import json
import sys

from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.utils import validate_repo_id

card = ModelCard.load(sys.argv[1], ignore_metadata_errors=False)
data = card.data.to_dict()
# What it writes itself from these data reads back the same.
assert ModelCardData(**data).to_dict() == data, data
assert ModelCard(str(card)).data.to_dict() == data, data
assert isinstance(data["base_model"], str)
for name in [data["base_model"], *data.get("datasets", [])]:
    validate_repo_id(name)
for key in ("language", "tags", "datasets"):
    assert all(isinstance(value, str) for value in data.get(key, [])), data[key]
if data.get("license") == "other":
    assert data["license_name"] and data["license_link"]
json.dump({"data": data, "text": card.text}, sys.stdout)
