//! Enum values.
//!
//! Enums whose members were renumbered between tables are asked by name: `value(table, version)`, with
//! cells as in [`super::slots`]. Those that are the same everywhere are in `fixed`.

use std::ffi::c_int;
use std::fmt;

use super::Table;
use super::call::{Cell, NONE, at, since};
pub use super::fixed::*;

macro_rules! by_table {
    ($($(#[$doc:meta])* $name:ident = $cpp:literal {
        $($member:ident: $text:literal = $v10:expr, $v11:expr, $rtx:expr;)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = concat!("`", $cpp, "::", $text, "`")] $member,)*
        }

        impl $name {
            /// Every member that any table has.
            pub const ALL: &[Self] = &[$(Self::$member,)*];

            /// What C++ calls the member.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$member => $text,)* }
            }

            /// The value in a library of `version`; `None` where it has no such member.
            pub const fn value(self, table: Table, version: i32) -> Option<c_int> {
                let cells: [Cell; 3] = match self { $(Self::$member => [$v10, $v11, $rtx],)* };
                let [v10, v11, rtx] = cells;
                match table { Table::V10 => v10, Table::V11 => v11, Table::Rtx => rtx }.value(version)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    )*};
}

by_table! {
    /// A switch of a builder configuration; a number that 11 gave another meaning.
    BuilderFlag = "BuilderFlag" {
        Fp16: "kFP16" = at(0), NONE, NONE;
        Int8: "kINT8" = at(1), NONE, NONE;
        Debug: "kDEBUG" = at(2), at(2), at(2);
        GpuFallback: "kGPU_FALLBACK" = at(3), at(3), at(3);
        Refit: "kREFIT" = at(4), at(4), at(4);
        DisableTimingCache: "kDISABLE_TIMING_CACHE" = at(5), at(5), at(5);
        Tf32: "kTF32" = at(6), at(6), at(6);
        SparseWeights: "kSPARSE_WEIGHTS" = at(7), at(7), at(7);
        SafetyScope: "kSAFETY_SCOPE" = at(8), at(8), at(8);
        ObeyPrecisionConstraints: "kOBEY_PRECISION_CONSTRAINTS" = at(9), NONE, NONE;
        PreferPrecisionConstraints: "kPREFER_PRECISION_CONSTRAINTS" = at(10), NONE, NONE;
        DirectIo: "kDIRECT_IO" = at(11), at(11), at(11);
        RejectEmptyAlgorithms: "kREJECT_EMPTY_ALGORITHMS" = at(12), NONE, NONE;
        VersionCompatible: "kVERSION_COMPATIBLE" = at(13), at(12), at(12);
        ExcludeLeanRuntime: "kEXCLUDE_LEAN_RUNTIME" = at(14), at(13), at(13);
        Fp8: "kFP8" = at(15), NONE, NONE;
        ErrorOnTimingCacheMiss: "kERROR_ON_TIMING_CACHE_MISS" = at(16), at(15), at(15);
        Bf16: "kBF16" = at(17), NONE, NONE;
        DisableCompilationCache: "kDISABLE_COMPILATION_CACHE" = at(18), at(17), at(17);
        StripPlan: "kSTRIP_PLAN" = at(19), at(18), at(18);
        RefitIdentical: "kREFIT_IDENTICAL" = at(20), at(19), at(19);
        WeightStreaming: "kWEIGHT_STREAMING" = at(21), at(20), at(20);
        Int4: "kINT4" = at(22), NONE, NONE;
        RefitIndividual: "kREFIT_INDIVIDUAL" = since(23, 100_200), at(22), at(22);
        StrictNans: "kSTRICT_NANS" = since(24, 100_600), at(23), at(23);
        MonitorMemory: "kMONITOR_MEMORY" = since(25, 100_600), at(24), at(24);
        Fp4: "kFP4" = since(26, 100_800), NONE, NONE;
        EditableTimingCache: "kEDITABLE_TIMING_CACHE" = since(27, 100_800), at(26), at(26);
        DistributiveIndependence: "kDISTRIBUTIVE_INDEPENDENCE" = since(28, 101_200), at(27), at(27);
        RequireUserAllocation: "kREQUIRE_USER_ALLOCATION" = NONE, NONE, at(28);
    }
    /// A feature that is off by default in its first releases.
    PreviewFeature = "PreviewFeature" {
        ProfileSharing0806: "kPROFILE_SHARING_0806" = at(0), NONE, NONE;
        AliasedPluginIo1003: "kALIASED_PLUGIN_IO_10_03" = since(1, 100_300), at(0), at(0);
        RuntimeActivationResize1010: "kRUNTIME_ACTIVATION_RESIZE_10_10" = since(2, 101_000), at(1), at(1);
        MultideviceRuntime1016: "kMULTIDEVICE_RUNTIME_10_16" = since(3, 101_600), NONE, NONE;
    }
    /// Where kernels come from; the value is a bit index.
    TacticSource = "TacticSource" {
        Cublas: "kCUBLAS" = at(0), NONE, NONE;
        CublasLt: "kCUBLAS_LT" = at(1), NONE, NONE;
        Cudnn: "kCUDNN" = at(2), NONE, NONE;
        EdgeMaskConvolutions: "kEDGE_MASK_CONVOLUTIONS" = at(3), at(0), at(0);
        JitConvolutions: "kJIT_CONVOLUTIONS" = at(4), at(1), at(1);
    }
    /// How a network is made; the value is a bit index.
    NetworkDefinitionCreationFlag = "NetworkDefinitionCreationFlag" {
        ExplicitBatch: "kEXPLICIT_BATCH" = at(0), NONE, NONE;
        StronglyTyped: "kSTRONGLY_TYPED" = at(1), at(0), at(0);
        PreferJitPythonPlugins: "kPREFER_JIT_PYTHON_PLUGINS" = since(2, 100_900), at(1), NONE;
        PreferAotPythonPlugins: "kPREFER_AOT_PYTHON_PLUGINS" = since(3, 100_900), at(2), NONE;
    }
}
