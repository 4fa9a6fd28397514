// Nothing to call: linking this target is enough. See cstartup.c.
#ifndef CSTARTUP_H
#define CSTARTUP_H
#endif
