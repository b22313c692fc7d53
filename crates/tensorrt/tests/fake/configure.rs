//! Runtime configurations and runtime caches.

use tensorrt::{AllocationStrategy, CudaGraphStrategy, Error, KernelSpecialization, Table};

use crate::model;
use crate::support::Fake;

#[test]
fn runtime_configurations_are_there_from_10_11_on() {
    Fake::each(|fake| {
        let (table, version) = (fake.library.table(), fake.library.version());
        let (engine, other) = (fake.engine(&model::fixed()), fake.engine(&model::fixed()));
        let config = engine.create_runtime_config();
        if table == Table::V10 && version.minor < 11 {
            assert!(matches!(config, Err(Error::Unsupported { .. })));
            return;
        }
        let mut config = config.unwrap();
        config.set_allocation_strategy(AllocationStrategy::OnProfileChange).unwrap();
        let strategy = config.allocation_strategy().unwrap();
        assert_eq!(strategy, Some(AllocationStrategy::OnProfileChange));
        let context = engine.create_execution_context_with(&config).unwrap();
        assert!(other.create_execution_context_with(&config).is_err());
        drop(config); // the context keeps it
        assert_eq!(fake.live("VRuntimeConfig"), 1);
        drop(context);
        assert_eq!(fake.live("VRuntimeConfig"), 0);
    });
}

#[test]
fn a_runtime_cache_makes_the_second_start_warm() {
    Fake::each(|fake| {
        let engine = fake.engine(&model::fixed());
        let Ok(mut config) = engine.create_runtime_config() else { return };
        if fake.library.table() != Table::Rtx {
            assert!(matches!(config.create_runtime_cache(), Err(Error::Unsupported { .. })));
            let graphs = CudaGraphStrategy::WholeGraphCapture;
            assert!(config.set_cuda_graph_strategy(graphs).is_err());
            assert!(config.kernel_specialization().is_err());
            return;
        }
        config.set_cuda_graph_strategy(CudaGraphStrategy::WholeGraphCapture).unwrap();
        let graphs = config.cuda_graph_strategy().unwrap();
        assert_eq!(graphs, Some(CudaGraphStrategy::WholeGraphCapture));
        config.set_kernel_specialization(KernelSpecialization::Eager).unwrap();
        let specialization = config.kernel_specialization().unwrap();
        assert_eq!(specialization, Some(KernelSpecialization::Eager));
        let cache = config.create_runtime_cache().unwrap();
        let empty = cache.serialize().unwrap().to_vec();
        config.set_runtime_cache(&cache).unwrap();
        let context = engine.create_execution_context_with(&config).unwrap();
        let full = cache.serialize().unwrap().to_vec();
        assert!(full.len() > empty.len());
        cache.reset().unwrap();
        assert_eq!(cache.serialize().unwrap()[..], empty);
        cache.deserialize(&full).unwrap();
        assert_eq!(cache.serialize().unwrap()[..], full);
        assert!(cache.deserialize(b"torn").is_err());
        drop((cache, config)); // both are kept by the context
        assert_eq!((fake.live("VRuntimeCache"), fake.live("VRuntimeConfig")), (1, 1));
        drop(context);
    });
}
