// All operand structs, for whoever walks kernels.def.
#pragma once

#include "ops/batch_norm.h"
#include "ops/conv2d.h"
#include "ops/data.h"
#include "ops/elementwise.h"
#include "ops/gemm.h"
#include "ops/layout.h"
#include "ops/mixed_state.h"
#include "ops/optimizer.h"
#include "ops/pgd.h"
#include "ops/pool.h"
#include "ops/prune.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/scenes.h"
#include "ops/softmax.h"
#include "ops/transforms.h"
