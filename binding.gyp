# The addon: one target for everything that runs once, static libraries for what is compiled with its own flags.
#
# Order matters in `dependencies` of the target `lapidary`: the linker keeps the first definition of an inline function that
# several libraries define, so the libraries stand from the least demanding instruction set to the most demanding one.
# A source file is found by its folder (scripts/sources.mjs); adding one needs no edit here.
{
  'variables': {
    'lapidary_cxxflags': [
      '-std=c++20', '-O3', '-Wall', '-Wextra', '-Wno-psabi',
      '-fexceptions', '-frtti', '-fvisibility=hidden', '-fvisibility-inlines-hidden', '-fno-math-errno',
    ],
    # What node's own common.gypi adds, of one version or another.
    'lapidary_unwanted': [
      '-fno-exceptions', '-fno-rtti', '-std=gnu++14', '-std=gnu++17', '-std=gnu++20', '-ffast-math',
    ],
  },
  'target_defaults': {
    'include_dirs': ['native'],
    'cflags!': ['<@(lapidary_unwanted)'],
    'cflags_cc!': ['<@(lapidary_unwanted)'],
    'cflags_cc': ['<@(lapidary_cxxflags)'],
    'cflags': ['-fPIC', '-pthread'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'GCC_ENABLE_CPP_RTTI': 'YES',
      'GCC_OPTIMIZATION_LEVEL': '3',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '13.3',
    },
  },
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'cpu_avx2',
          'type': 'static_library',
          'sources': ['<!@(node scripts/sources.mjs "native/cpu/kernels/**")'],
          'defines': ['LAPIDARY_ISA=avx2', 'LAPIDARY_VLEN=8'],
          'cflags_cc': ['-mavx2', '-mfma', '-ffp-contract=fast'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx2', '-mfma', '-ffp-contract=fast', '-fno-math-errno']},
        },
        {
          'target_name': 'cpu_avx512',
          'type': 'static_library',
          'sources': ['<!@(node scripts/sources.mjs "native/cpu/kernels/**")'],
          'defines': ['LAPIDARY_ISA=avx512', 'LAPIDARY_VLEN=16'],
          'cflags_cc': ['-march=x86-64-v4', '-mprefer-vector-width=512', '-ffp-contract=fast'],
          'xcode_settings': {
            'OTHER_CPLUSPLUSFLAGS': [
              '-march=x86-64-v4', '-mprefer-vector-width=512', '-ffp-contract=fast', '-fno-math-errno',
            ],
          },
        },
      ],
    }],
  ],
  'targets': [
    {
      # Data the package draws itself: equal bits on every processor, so no contraction into fused multiply-adds.
      'target_name': 'data',
      'type': 'static_library',
      'sources': ['<!@(node scripts/sources.mjs "native/data/**")'],
      'cflags_cc': ['-ffp-contract=off'],
      'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off', '-fno-math-errno']},
    },
    {
      'target_name': 'cpu_base',
      'type': 'static_library',
      'sources': ['<!@(node scripts/sources.mjs "native/cpu/kernels/**")'],
      'defines': ['LAPIDARY_ISA=base', 'LAPIDARY_VLEN=4'],
      'cflags_cc': ['-ffp-contract=off'],
      'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off', '-fno-math-errno']},
    },
    {
      'target_name': 'lapidary',
      'type': 'loadable_module',
      'sources': [
        '<!@(node scripts/sources.mjs "native/core/**" "native/autograd/**" "native/ops/**" "native/bindings/**" '
        '"native/cuda/**" native/cpu)',
      ],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")', 'cuda'],
      'defines': [
        'NAPI_VERSION=9', 'NAPI_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',  # a worker thread may end while a call is failing
        'LAPIDARY_VERSION="<!(node -p "require(\'./package.json\').version")"',
      ],
      'cflags_cc': ['-ffp-contract=off'],
      'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off', '-fno-math-errno']},
      'dependencies': ['data', 'cpu_base'],
      'conditions': [
        ['target_arch=="x64"', {
          'defines': ['LAPIDARY_HAVE_X86_ISAS=1'],
          'dependencies': ['cpu_avx2', 'cpu_avx512'],
        }],
        ['OS=="linux"', {
          'ldflags': ['-pthread', '-Wl,-Bsymbolic', '-Wl,--exclude-libs,ALL', '-Wl,-z,relro', '-Wl,-z,now'],
          'libraries': ['-ldl'],
        }],
      ],
    },
  ],
}
