//! Where each virtual method lies, and its type.
//!
//! A row reads `name: "C++ name" signature = slot in TensorRT 10, in 11, in RTX`. Rows under `sometimes`
//! are missing somewhere: `NONE` in a whole table, `since(slot, version)` before a version
//! (`major · 10000 + minor · 100 + patch`). The three numbers behind a class are the lengths of its table.
//! Only methods that this crate calls are listed. No row changes its place within a table.

use std::ffi::{c_int, c_void};

use super::Table;
use super::call::{Bool, NONE, Ptr, Slot, Text, at, classes, since};
use super::types::Dims;

/// TensorRT 10, every row.
pub const V10: Slots = Slots::for_version(Table::V10, i32::MAX);
/// TensorRT 11, every row.
pub const V11: Slots = Slots::for_version(Table::V11, i32::MAX);
/// TensorRT for RTX, every row.
pub const RTX: Slots = Slots::for_version(Table::Rtx, i32::MAX);

classes! {
    /// Makes networks, configurations and plans.
    builder: BuilderSlots = "VBuilder" [23, 20, 18] {
        always {
            create_builder_config: "createBuilderConfig" fn() -> Ptr = 7, 5, 5;
            create_network_v2: "createNetworkV2" fn(u32) -> Ptr = 8, 6, 6;
            create_optimization_profile: "createOptimizationProfile" fn() -> Ptr = 9, 7, 7;
            build_serialized_network: "buildSerializedNetwork" fn(Ptr, Ptr) -> Ptr = 14, 11, 11;
            set_max_threads: "setMaxThreads" fn(i32) -> Bool = 17, 14, 14;
        }
        sometimes {
        }
    }
    /// How to build.
    builder_config: BuilderConfigSlots = "VBuilderConfig" [68, 60, 62] {
        always {
            clear_flag: "clearFlag" fn(c_int) = 10, 8, 8;
            set_flag: "setFlag" fn(c_int) = 11, 9, 9;
            get_flag: "getFlag" fn(c_int) -> Bool = 12, 10, 10;
            add_optimization_profile: "addOptimizationProfile" fn(Ptr) -> i32 = 25, 23, 23;
            get_nb_optimization_profiles: "getNbOptimizationProfiles" fn() -> i32 = 26, 24, 24;
            set_profiling_verbosity: "setProfilingVerbosity" fn(c_int) = 27, 25, 25;
            get_profiling_verbosity: "getProfilingVerbosity" fn() -> c_int = 28, 26, 26;
            set_tactic_sources: "setTacticSources" fn(u32) -> Bool = 38, 27, 27;
            create_timing_cache: "createTimingCache" fn(*const c_void, usize) -> Ptr = 40, 29, 29;
            set_timing_cache: "setTimingCache" fn(Ptr, bool) -> Bool = 41, 30, 30;
            set_memory_pool_limit: "setMemoryPoolLimit" fn(c_int, usize) = 43, 32, 32;
            get_memory_pool_limit: "getMemoryPoolLimit" fn(c_int) -> usize = 44, 33, 33;
            set_preview_feature: "setPreviewFeature" fn(c_int, bool) = 45, 34, 34;
            set_builder_optimization_level: "setBuilderOptimizationLevel" fn(i32) = 47, 36, 36;
            get_builder_optimization_level: "getBuilderOptimizationLevel" fn() -> i32 = 48, 37, 37;
            set_hardware_compatibility_level: "setHardwareCompatibilityLevel" fn(c_int) = 49, 38, 38;
            set_avg_timing_iterations: "setAvgTimingIterations" fn(i32) = 2, 2, 2;
            set_progress_monitor: "setProgressMonitor" fn(Ptr) = 56, 45, 45;
        }
        sometimes {
            set_max_nb_tactics: "setMaxNbTactics" fn(i32) = since(60, 100_400), at(49), at(49);
            set_tiling_optimization_level: "setTilingOptimizationLevel" fn(c_int) -> Bool = since(62, 100_800), at(51), at(51);
            set_nb_compute_capabilities: "setNbComputeCapabilities" fn(i32) -> Bool = NONE, NONE, at(55);
            set_compute_capability: "setComputeCapability" fn(c_int, i32) -> Bool = NONE, NONE, at(57);
        }
    }
    /// The network that a parser fills.
    network: NetworkSlots = "VNetworkDefinition" [91, 90, 88] {
        always {
            get_nb_layers: "getNbLayers" fn() -> i32 = 12, 12, 12;
            get_nb_inputs: "getNbInputs" fn() -> i32 = 14, 14, 14;
            get_input: "getInput" fn(i32) -> Ptr = 15, 15, 15;
            get_nb_outputs: "getNbOutputs" fn() -> i32 = 16, 16, 16;
            get_output: "getOutput" fn(i32) -> Ptr = 17, 17, 17;
            get_name: "getName" fn() -> Text = 31, 31, 29;
        }
        sometimes {
        }
    }
    /// A tensor of a network.
    tensor: TensorSlots = "VTensor" [25, 19, 15] {
        always {
            get_name: "getName" fn() -> Text = 3, 3, 3;
            get_dimensions: "getDimensions" fn() -> Dims = 5, 5, 5;
            get_type: "getType" fn() -> c_int = 7, 6, 6;
        }
        sometimes {
        }
    }
    /// Reads ONNX; called on its own table, deleted through `delete`.
    parser: ParserSlots = "IParser" [25, 24, 24] {
        always {
            parse: "parse" fn(*const c_void, usize, Text) -> Bool = 0, 0, 0;
            parse_from_file: "parseFromFile" fn(Text, i32) -> Bool = 1, 1, 1;
            supports_operator: "supportsOperator" fn(Text) -> Bool = 4, 2, 2;
            get_nb_errors: "getNbErrors" fn() -> i32 = 5, 3, 3;
            get_error: "getError" fn(i32) -> Ptr = 6, 4, 4;
            delete: "~D0" fn() = 9, 7, 7;
        }
        sometimes {
        }
    }
    /// One error of a parser; belongs to the parser.
    parser_error: ParserErrorSlots = "IParserError" [12, 12, 12] {
        always {
            code: "code" fn() -> c_int = 0, 0, 0;
            desc: "desc" fn() -> Text = 1, 1, 1;
            file: "file" fn() -> Text = 2, 2, 2;
            line: "line" fn() -> i32 = 3, 3, 3;
            func: "func" fn() -> Text = 4, 4, 4;
            node: "node" fn() -> i32 = 5, 5, 5;
            node_name: "nodeName" fn() -> Text = 6, 6, 6;
            node_operator: "nodeOperator" fn() -> Text = 7, 7, 7;
        }
        sometimes {
        }
    }
    /// The range of shapes of a dynamic model.
    optimization_profile: OptimizationProfileSlots = "VOptimizationProfile" [12, 12, 12] {
        always {
            set_dimensions: "setDimensions" fn(Text, c_int, *const Dims) -> Bool = 2, 2, 2;
            is_valid: "isValid" fn() -> Bool = 9, 7, 7;
        }
        sometimes {
            set_shape_values_v2: "setShapeValuesV2" fn(Text, c_int, *const i64, i32) -> Bool = since(10, 101_100), at(8), at(8);
        }
    }
    /// Measured tactics.
    timing_cache: TimingCacheSlots = "VTimingCache" [8, 8, 8] {
        always {
            serialize: "serialize" fn() -> Ptr = 2, 2, 2;
            combine: "combine" fn(Ptr, bool) -> Bool = 3, 3, 3;
            reset: "reset" fn() -> Bool = 4, 4, 4;
        }
        sometimes {
            query_keys: "queryKeys" fn(Ptr, i64) -> i64 = since(5, 100_800), at(5), at(5);
        }
    }
    /// Bytes that the library owns.
    host_memory: HostMemorySlots = "VHostMemory" [5, 5, 5] {
        always {
            data: "data" fn() -> Ptr = 2, 2, 2;
            size: "size" fn() -> usize = 3, 3, 3;
        }
        sometimes {
        }
    }
    /// Reads plans.
    runtime: RuntimeSlots = "VRuntime" [24, 25, 29] {
        always {
            deserialize_cuda_engine: "deserializeCudaEngine" fn(*const c_void, usize) -> Ptr = 3, 3, 3;
            set_max_threads: "setMaxThreads" fn(i32) -> Bool = 12, 11, 11;
            set_engine_host_code_allowed: "setEngineHostCodeAllowed" fn(bool) = 21, 20, 20;
            get_engine_host_code_allowed: "getEngineHostCodeAllowed" fn() -> Bool = 22, 21, 21;
        }
        sometimes {
        }
    }
    /// A plan that was read.
    engine: EngineSlots = "VCudaEngine" [59, 51, 56] {
        always {
            get_nb_layers: "getNbLayers" fn() -> i32 = 3, 3, 3;
            serialize: "serialize" fn() -> Ptr = 4, 4, 4;
            create_execution_context: "createExecutionContext" fn(c_int) -> Ptr = 5, 5, 5;
            get_device_memory_size_v2: "getDeviceMemorySizeV2" fn() -> i64 = 52, 44, 44;
            get_name: "getName" fn() -> Text = 9, 7, 7;
            get_nb_optimization_profiles: "getNbOptimizationProfiles" fn() -> i32 = 10, 8, 8;
            get_profiling_verbosity: "getProfilingVerbosity" fn() -> c_int = 17, 13, 13;
            create_engine_inspector: "createEngineInspector" fn() -> Ptr = 18, 14, 14;
            get_tensor_shape: "getTensorShape" fn(Text) -> Dims = 19, 15, 15;
            get_tensor_data_type: "getTensorDataType" fn(Text) -> c_int = 20, 16, 16;
            get_tensor_location: "getTensorLocation" fn(Text) -> c_int = 21, 17, 17;
            get_tensor_io_mode: "getTensorIOMode" fn(Text) -> c_int = 23, 19, 19;
            get_tensor_format_desc: "getTensorFormatDesc" fn(Text) -> Text = 27, 23, 23;
            get_profile_shape: "getProfileShape" fn(Text, i32, c_int) -> Dims = 29, 25, 25;
            get_nb_io_tensors: "getNbIOTensors" fn() -> i32 = 30, 26, 26;
            get_io_tensor_name: "getIOTensorName" fn(i32) -> Text = 31, 27, 27;
            get_nb_aux_streams: "getNbAuxStreams" fn() -> i32 = 33, 29, 29;
        }
        sometimes {
            create_execution_context_with_runtime_config: "createExecutionContextWithRuntimeConfig" fn(Ptr) -> Ptr = since(55, 101_100), at(47), at(47);
            create_runtime_config: "createRuntimeConfig" fn() -> Ptr = since(56, 101_100), at(48), at(48);
        }
    }
    /// One stream of executions.
    context: ContextSlots = "VExecutionContext" [54, 53, 54] {
        always {
            set_profiler: "setProfiler" fn(Ptr) = 5, 5, 5;
            get_optimization_profile: "getOptimizationProfile" fn() -> i32 = 11, 11, 11;
            all_input_dimensions_specified: "allInputDimensionsSpecified" fn() -> Bool = 12, 12, 12;
            set_optimization_profile_async: "setOptimizationProfileAsync" fn(i32, Ptr) -> Bool = 17, 16, 16;
            set_enqueue_emits_profile: "setEnqueueEmitsProfile" fn(bool) = 18, 17, 17;
            get_enqueue_emits_profile: "getEnqueueEmitsProfile" fn() -> Bool = 19, 18, 18;
            report_to_profiler: "reportToProfiler" fn() -> Bool = 20, 19, 19;
            set_input_shape: "setInputShape" fn(Text, *const Dims) -> Bool = 21, 20, 20;
            get_tensor_shape: "getTensorShape" fn(Text) -> Dims = 22, 21, 21;
            set_tensor_address: "setTensorAddress" fn(Text, Ptr) -> Bool = 24, 23, 23;
            get_tensor_address: "getTensorAddress" fn(Text) -> Ptr = 25, 24, 24;
            infer_shapes: "inferShapes" fn(i32, *mut Text) -> i32 = 28, 27, 27;
            get_max_output_size: "getMaxOutputSize" fn(Text) -> i64 = 34, 33, 33;
            enqueue_v3: "enqueueV3" fn(Ptr) -> Bool = 37, 36, 36;
        }
        sometimes {
            is_stream_capturable: "isStreamCapturable" fn(Ptr) -> Bool = NONE, NONE, at(52);
        }
    }
    /// What an engine consists of.
    engine_inspector: EngineInspectorSlots = "VEngineInspector" [9, 9, 9] {
        always {
            set_execution_context: "setExecutionContext" fn(Ptr) -> Bool = 3, 3, 3;
            get_layer_information: "getLayerInformation" fn(i32, c_int) -> Text = 5, 5, 5;
            get_engine_information: "getEngineInformation" fn(c_int) -> Text = 6, 6, 6;
        }
        sometimes {
        }
    }
    /// How an execution context is made.
    runtime_config: RuntimeConfigSlots = "VRuntimeConfig" [5, 5, 12] {
        always {
        }
        sometimes {
            set_execution_context_allocation_strategy: "setExecutionContextAllocationStrategy" fn(c_int) = since(3, 101_100), at(3), at(3);
            get_execution_context_allocation_strategy: "getExecutionContextAllocationStrategy" fn() -> c_int = since(4, 101_100), at(4), at(4);
            create_runtime_cache: "createRuntimeCache" fn() -> Ptr = NONE, NONE, at(5);
            set_runtime_cache: "setRuntimeCache" fn(Ptr) -> Bool = NONE, NONE, at(6);
            set_dynamic_shapes_kernel_specialization_strategy: "setDynamicShapesKernelSpecializationStrategy" fn(c_int) = NONE, NONE, at(8);
            get_dynamic_shapes_kernel_specialization_strategy: "getDynamicShapesKernelSpecializationStrategy" fn() -> c_int = NONE, NONE, at(9);
            set_cuda_graph_strategy: "setCudaGraphStrategy" fn(c_int) -> Bool = NONE, NONE, at(10);
            get_cuda_graph_strategy: "getCudaGraphStrategy" fn() -> c_int = NONE, NONE, at(11);
        }
    }
    /// Compiled kernels of RTX.
    runtime_cache: RuntimeCacheSlots = "VRuntimeCache" [0, 0, 5] {
        always {
        }
        sometimes {
            serialize: "serialize" fn() -> Ptr = NONE, NONE, at(2);
            deserialize: "deserialize" fn(*const c_void, usize) -> Bool = NONE, NONE, at(3);
            reset: "reset" fn() -> Bool = NONE, NONE, at(4);
        }
    }
}
