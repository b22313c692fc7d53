//! Timing caches: filled, used, combined, refused.

use tensorrt::{
    Builder, BuilderFlag, DeviceMismatch, Error, OnnxParser, Table, TimingCache, Typing,
};
use tensorrt_fake::Entries;

use crate::model;
use crate::support::{Fake, listener};

#[test]
fn a_timing_cache_is_filled_used_and_combined() {
    Fake::each(|fake| {
        let (options, heard) = listener();
        let builder = Builder::with_log(&fake.library, options).unwrap();
        let build = |bytes: &[u8], flag: Option<BuilderFlag>| {
            let mut network = builder.create_network(Typing::Strong).unwrap();
            OnnxParser::new(&mut network).unwrap().parse(&model::fixed(), None).unwrap();
            let mut config = builder.create_config().unwrap();
            let cache = config.create_timing_cache(bytes).unwrap();
            assert!(config.set_timing_cache(&cache, DeviceMismatch::Refuse).unwrap());
            assert!(config.timing_cache().is_some());
            if let Some(flag) = flag {
                config.set_flag(flag).unwrap();
            }
            builder.build_serialized_network(&mut network, &mut config)?;
            let keys = fake.library.table() == Table::V10 && fake.library.version().minor < 8;
            assert_eq!(cache.num_keys().is_none(), keys);
            Ok::<_, Error>(cache.serialize().unwrap().to_vec())
        };
        let cold = build(b"", None).unwrap();
        let entries = Entries::parse(&cold).unwrap();
        if fake.library.table() == Table::Rtx {
            assert!(entries.times.is_empty(), "RTX ignores timing caches");
            return;
        }
        assert_eq!(entries.times.len(), 3);
        let flag = BuilderFlag::ErrorOnTimingCacheMiss;
        assert_eq!(build(&cold, Some(flag)).unwrap(), cold, "a warm build adds nothing");
        let error = build(b"", Some(flag)).unwrap_err();
        assert!(error.to_string().contains("timing cache miss"), "{error}");
        let heard = heard.lock().unwrap();
        let said = |line: &str| heard.iter().any(|(_, heard)| heard == line);
        assert!(said("timing cache: 0 hits, 3 misses") && said("timing cache: 3 hits, 0 misses"));
    });
}

#[test]
fn caches_of_another_device_or_version_are_not_used() {
    Fake::each(|fake| {
        let version = fake.path.file_name().unwrap().to_string_lossy();
        let rtx = if version.contains("rtx") { "rtx-" } else { "" };
        let version = format!("{rtx}{}", version.split_once(".so.").unwrap().1);
        let times = [("key".to_owned(), 5)].into();
        let mut entries = Entries { version, device: "other".into(), times };
        let builder = Builder::new(&fake.library).unwrap();
        let mut config = builder.create_config().unwrap();
        let other = config.create_timing_cache(&entries.to_bytes()).unwrap();
        assert_eq!(other.warning(), None);
        assert!(!config.set_timing_cache(&other, DeviceMismatch::Refuse).unwrap());
        assert!(config.set_timing_cache(&other, DeviceMismatch::Ignore).unwrap());
        let keys = |cache: &TimingCache| {
            Entries::parse(&cache.serialize().unwrap()).unwrap().times.len() as u64
        };
        let ours = config.create_timing_cache(b"").unwrap();
        assert!(!ours.combine(&other, DeviceMismatch::Refuse).unwrap());
        assert!(ours.combine(&other, DeviceMismatch::Ignore).unwrap());
        assert_eq!(keys(&ours), 1);
        assert!(ours.num_keys().is_none_or(|told| told == 1));
        ours.reset().unwrap();
        assert_eq!(keys(&ours), 0);
        entries.version = "9.9.9".into();
        for bytes in [entries.to_bytes(), b"garbage".to_vec()] {
            let refused = config.create_timing_cache(&bytes).unwrap();
            assert!(refused.warning().unwrap().contains("will not be used"));
            assert_eq!(keys(&refused), 0);
        }
    });
}
