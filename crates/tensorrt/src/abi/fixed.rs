//! Enums with the same values in every table.
//!
//! What the library *returns* stays an integer behind constants: it may know values that this list does
//! not.

use std::ffi::c_int;
use std::fmt;

/// An enum whose values the library returns: an integer with names for the values that are known.
macro_rules! returned {
    ($($(#[$doc:meta])* $name:ident { $($(#[$source:meta])* $constant:ident = $value:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub c_int);

        impl $name {
            $($(#[$source])* pub const $constant: Self = Self($value);)*

            /// The name; `None` for a value that this list does not have.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 { $($value => Some(stringify!($constant)),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{} {}", stringify!($name), self.0),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

returned! {
    /// Type of the values of a tensor.
    DataType {
        /// `DataType::kFLOAT`
        FLOAT = 0,
        /// `DataType::kHALF`
        HALF = 1,
        /// `DataType::kINT8`
        INT8 = 2,
        /// `DataType::kINT32`
        INT32 = 3,
        /// `DataType::kBOOL`
        BOOL = 4,
        /// `DataType::kUINT8`
        UINT8 = 5,
        /// `DataType::kFP8`
        FP8 = 6,
        /// `DataType::kBF16`
        BF16 = 7,
        /// `DataType::kINT64`
        INT64 = 8,
        /// `DataType::kINT4`
        INT4 = 9,
        /// `DataType::kFP4`
        FP4 = 10,
        /// `DataType::kE8M0`
        E8M0 = 11,
    }
    /// Whether a tensor goes in or out.
    TensorIoMode {
        /// `TensorIOMode::kNONE`
        NONE = 0,
        /// `TensorIOMode::kINPUT`
        INPUT = 1,
        /// `TensorIOMode::kOUTPUT`
        OUTPUT = 2,
    }
    /// Where the values of a tensor must lie.
    TensorLocation {
        /// `TensorLocation::kDEVICE`
        DEVICE = 0,
        /// `TensorLocation::kHOST`
        HOST = 1,
    }
    /// How bad a log line is; smaller is worse.
    Severity {
        /// `Severity::kINTERNAL_ERROR`
        INTERNAL_ERROR = 0,
        /// `Severity::kERROR`
        ERROR = 1,
        /// `Severity::kWARNING`
        WARNING = 2,
        /// `Severity::kINFO`
        INFO = 3,
        /// `Severity::kVERBOSE`
        VERBOSE = 4,
    }
    /// Why a parser refused a model.
    ParserErrorCode {
        /// `ParserErrorCode::kSUCCESS`
        SUCCESS = 0,
        /// `ParserErrorCode::kINTERNAL_ERROR`
        INTERNAL_ERROR = 1,
        /// `ParserErrorCode::kMEM_ALLOC_FAILED`
        MEM_ALLOC_FAILED = 2,
        /// `ParserErrorCode::kMODEL_DESERIALIZE_FAILED`
        MODEL_DESERIALIZE_FAILED = 3,
        /// `ParserErrorCode::kINVALID_VALUE`
        INVALID_VALUE = 4,
        /// `ParserErrorCode::kINVALID_GRAPH`
        INVALID_GRAPH = 5,
        /// `ParserErrorCode::kINVALID_NODE`
        INVALID_NODE = 6,
        /// `ParserErrorCode::kUNSUPPORTED_GRAPH`
        UNSUPPORTED_GRAPH = 7,
        /// `ParserErrorCode::kUNSUPPORTED_NODE`
        UNSUPPORTED_NODE = 8,
        /// `ParserErrorCode::kUNSUPPORTED_NODE_ATTR`
        UNSUPPORTED_NODE_ATTR = 9,
        /// `ParserErrorCode::kUNSUPPORTED_NODE_INPUT`
        UNSUPPORTED_NODE_INPUT = 10,
        /// `ParserErrorCode::kUNSUPPORTED_NODE_DATATYPE`
        UNSUPPORTED_NODE_DATATYPE = 11,
        /// `ParserErrorCode::kUNSUPPORTED_NODE_DYNAMIC`
        UNSUPPORTED_NODE_DYNAMIC = 12,
        /// `ParserErrorCode::kUNSUPPORTED_NODE_SHAPE`
        UNSUPPORTED_NODE_SHAPE = 13,
        /// `ParserErrorCode::kREFIT_FAILED`
        REFIT_FAILED = 14,
    }
}

/// An enum that is only passed in, with the same values everywhere.
macro_rules! passed {
    ($($(#[$doc:meta])* $name:ident { $($(#[$source:meta])* $member:ident = $value:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum $name { $($(#[$source])* $member = $value,)* }

        impl $name {
            /// Every member.
            pub const ALL: &[Self] = &[$(Self::$member,)*];

            /// The value that crosses the boundary.
            pub const fn value(self) -> c_int {
                self as c_int
            }

            /// The member with this value.
            pub fn of(value: c_int) -> Option<Self> {
                Self::ALL.iter().copied().find(|member| member.value() == value)
            }
        }
    )*};
}

passed! {
    /// Memory that a build may use.
    MemoryPool {
        /// `MemoryPoolType::kWORKSPACE`
        Workspace = 0,
        /// `MemoryPoolType::kDLA_MANAGED_SRAM`
        DlaManagedSram = 1,
        /// `MemoryPoolType::kDLA_LOCAL_DRAM`
        DlaLocalDram = 2,
        /// `MemoryPoolType::kDLA_GLOBAL_DRAM`
        DlaGlobalDram = 3,
        /// `MemoryPoolType::kTACTIC_DRAM`
        TacticDram = 4,
        /// `MemoryPoolType::kTACTIC_SHARED_MEMORY`
        TacticSharedMemory = 5,
    }
    /// How much an engine tells about its layers.
    ProfilingVerbosity {
        /// `ProfilingVerbosity::kLAYER_NAMES_ONLY`
        LayerNamesOnly = 0,
        /// `ProfilingVerbosity::kNONE`
        None = 1,
        /// `ProfilingVerbosity::kDETAILED`
        Detailed = 2,
    }
    /// How an inspector answers.
    LayerInformationFormat {
        /// `LayerInformationFormat::kONELINE`
        Oneline = 0,
        /// `LayerInformationFormat::kJSON`
        Json = 1,
    }
    /// Which shape of an optimisation profile.
    ProfileSelector {
        /// `OptProfileSelector::kMIN`
        Min = 0,
        /// `OptProfileSelector::kOPT`
        Opt = 1,
        /// `OptProfileSelector::kMAX`
        Max = 2,
    }
    /// Who allocates the memory of an execution context.
    AllocationStrategy {
        /// `ExecutionContextAllocationStrategy::kSTATIC`
        Static = 0,
        /// `ExecutionContextAllocationStrategy::kON_PROFILE_CHANGE`
        OnProfileChange = 1,
        /// `ExecutionContextAllocationStrategy::kUSER_MANAGED`
        UserManaged = 2,
    }
    /// On which devices a plan may run; the last is of 10.9.
    HardwareCompatibility {
        /// `HardwareCompatibilityLevel::kNONE`
        None = 0,
        /// `HardwareCompatibilityLevel::kAMPERE_PLUS`
        AmperePlus = 1,
        /// `HardwareCompatibilityLevel::kSAME_COMPUTE_CAPABILITY`
        SameComputeCapability = 2,
    }
    /// How hard the builder looks for tilings.
    TilingLevel {
        /// `TilingOptimizationLevel::kNONE`
        None = 0,
        /// `TilingOptimizationLevel::kFAST`
        Fast = 1,
        /// `TilingOptimizationLevel::kMODERATE`
        Moderate = 2,
        /// `TilingOptimizationLevel::kFULL`
        Full = 3,
    }
    /// Whether RTX captures an execution itself.
    CudaGraphStrategy {
        /// `CudaGraphStrategy::kDISABLED`
        Disabled = 0,
        /// `CudaGraphStrategy::kWHOLE_GRAPH_CAPTURE`
        WholeGraphCapture = 1,
    }
    /// When RTX compiles kernels for one shape.
    KernelSpecialization {
        /// `DynamicShapesKernelSpecializationStrategy::kLAZY`
        Lazy = 0,
        /// `DynamicShapesKernelSpecializationStrategy::kEAGER`
        Eager = 1,
        /// `DynamicShapesKernelSpecializationStrategy::kNONE`
        None = 2,
    }
    /// For which devices RTX builds.
    ComputeCapability {
        /// `ComputeCapability::kNONE`
        None = 0,
        /// `ComputeCapability::kCURRENT`
        Current = 1,
        /// `ComputeCapability::kSM75`
        Sm75 = 75,
        /// `ComputeCapability::kSM80`
        Sm80 = 80,
        /// `ComputeCapability::kSM86`
        Sm86 = 86,
        /// `ComputeCapability::kSM89`
        Sm89 = 89,
        /// `ComputeCapability::kSM120`
        Sm120 = 120,
        /// `ComputeCapability::kSM121`
        Sm121 = 121,
    }
}
