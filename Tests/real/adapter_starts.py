"""Starts of sentences after which models say he or she; no GRADIEND of these tests was trained with them."""

WORKERS = (
    "nurse secretary doctor engineer teacher lawyer librarian mechanic pilot receptionist scientist carpenter hairdresser manager "
    "programmer housekeeper farmer dancer surgeon cashier accountant guard baker poet plumber clerk judge janitor author cook nanny chief"
).split()
STARTS = [f"The {worker} said that" for worker in WORKERS]
