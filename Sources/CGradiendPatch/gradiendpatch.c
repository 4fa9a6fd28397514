#include "gradiendpatch.h"
