#include "lut.h"

static int supported(void) { return 0; }

const Kernel harmaug_neon = {"neon", supported, 0, 0, 0, 0, 0, 0};
