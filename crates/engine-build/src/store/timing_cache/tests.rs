//! The store against caches of a library that these tests make up: a header, then one timing a line.

use std::collections::BTreeMap;
use std::fs;

use backend::CacheKind;

use super::*;
use crate::store::aside::is_aside;
use crate::store::prune::Options;

const HEADER: &str = "made-up timing cache\n";

fn blob(timings: &[(&str, u32)]) -> Vec<u8> {
    let timings: BTreeMap<&str, u32> = timings.iter().copied().collect();
    let lines = timings.iter().map(|(layer, ns)| format!("{layer} {ns}\n"));
    (HEADER.to_owned() + &lines.collect::<String>()).into_bytes()
}

fn parse(blob: &[u8]) -> Result<BTreeMap<String, u32>, String> {
    if blob.is_empty() {
        return Ok(BTreeMap::new());
    }
    let text = str::from_utf8(blob).map_err(|error| error.to_string())?;
    let lines = text.strip_prefix(HEADER).ok_or("magic tag does not match")?;
    let timing = |line: &str| {
        let (layer, ns) = line.split_once(' ').ok_or("no timing")?;
        Ok((layer.to_owned(), ns.parse().ok().ok_or("no number")?))
    };
    lines.lines().map(timing).collect::<Result<_, &str>>().map_err(str::to_owned)
}

/// What the made-up library does; ours stays where both have a timing.
fn combine(ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, String> {
    let mut all = parse(theirs)?;
    all.extend(parse(ours)?);
    let all: Vec<(&str, u32)> = all.iter().map(|(layer, &ns)| (layer.as_str(), ns)).collect();
    Ok(blob(&all))
}

fn scope() -> Scope {
    Scope {
        kind: CacheKind::Timing,
        backend: "tensorrt".into(),
        version: "10.3.0".into(),
        device: "Orin (sm87)".into(),
        agree: vec!["cuda=12.6".into(), "tf32=true".into()],
    }
}

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A store in which one build was merged.
    fn filled() -> Self {
        let case = Self::new();
        case.merge(&[("conv", 10), ("gemm", 20)], "a").unwrap();
        case
    }

    fn store(&self) -> Store {
        Store::new(self.folder.path())
    }

    fn slot(&self) -> Slot {
        Slot::new(&self.store(), scope())
    }

    fn merge(&self, timings: &[(&str, u32)], engine: &str) -> anyhow::Result<Meta> {
        let bytes = blob(timings);
        let new = Addition { blob: &bytes, engine, counts: Some((1, timings.len() as u64)) };
        self.slot().merge(new, &combine, &mut |text| panic!("{text}"))
    }

    fn read(&self) -> (Option<Stored>, Vec<String>) {
        let mut said = Vec::new();
        let found = self.slot().read(&combine, &mut |text| said.push(text)).unwrap();
        (found, said)
    }

    fn timings(&self) -> Vec<String> {
        let (found, said) = self.read();
        assert_eq!(said, Vec::<String>::new());
        found.map_or_else(Vec::new, |found| parse(&found.blob).unwrap().into_keys().collect())
    }

    fn files(&self) -> Vec<PathBuf> {
        list(&self.slot().folder).into_iter().filter(|path| name_of(path) != ".lock").collect()
    }

    fn aside(&self) -> usize {
        self.files().iter().filter(|path| is_aside(path)).count()
    }
}

#[test]
fn merges_keep_what_every_build_timed() {
    let case = Case::new();
    assert_eq!(case.read(), (None, Vec::new()));
    assert!(!case.slot().folder.exists());
    case.merge(&[("conv", 10), ("gemm", 20)], "b").unwrap();
    let meta = case.merge(&[("conv", 99), ("relu", 30)], "a").unwrap();
    assert_eq!(case.timings(), ["conv", "gemm", "relu"]);
    assert_eq!((meta.builds, meta.hits, meta.misses), (2, Some(2), Some(4)));
    assert_eq!(meta.engines, ["a", "b"]);
    assert!(meta.knows("a") && !meta.knows("c"));
    let found = case.read().0.unwrap();
    assert_eq!(found.meta, meta);
    assert_eq!(parse(&found.blob).unwrap()["conv"], 10, "the older timing stays");
    assert_eq!(case.files().len(), 2, "one blob and its meta: {:?}", case.files());
    assert_eq!(listed(&case.store()).len(), 1);
}

#[test]
fn every_part_of_the_scope_is_a_cache_of_its_own() {
    let case = Case::filled();
    let changes: [fn(&mut Scope); 5] = [
        |scope| scope.kind = CacheKind::Runtime,
        |scope| scope.backend.push('x'),
        |scope| scope.version = "10.3.1".into(),
        |scope| scope.device = "Orin (sm88)".into(),
        |scope| scope.agree = vec!["cuda=12.6".into(), "tf32=false".into()],
    ];
    for change in changes {
        let mut other = scope();
        change(&mut other);
        assert_ne!(other.key(), scope().key());
        let slot = Slot::new(&case.store(), other);
        let read = slot.read(&combine, &mut |text| panic!("{text}")).unwrap();
        assert_eq!(read, None);
    }
    assert_eq!(scope().folder(), "timing-tensorrt-orin-sm87-10.3.0");
}

/// Damages a stored cache.
type Harm = fn(&Slot, &Meta);

#[test]
fn what_is_unusable_is_set_aside_and_never_deleted() {
    let damage: [(Harm, &str, usize); 8] = [
        (
            |slot, meta| fs::write(slot.folder.join(&meta.blob), &blob(&[])[..9]).unwrap(),
            "digest",
            2,
        ),
        (|slot, meta| fs::write(slot.folder.join(&meta.blob), b"").unwrap(), "is empty", 2),
        (|slot, meta| fs::remove_file(slot.folder.join(&meta.blob)).unwrap(), "No such file", 1),
        (|slot, _| fs::write(slot.meta_path(), b"{ \"format\": 1,").unwrap(), "meta.json", 2),
        (|slot, _| fs::write(slot.meta_path(), b"").unwrap(), "meta.json", 2),
        (
            |slot, meta| {
                let scope = Scope { device: "another".into(), ..scope() };
                let foreign = Meta { scope, ..meta.clone() };
                fs::write(slot.meta_path(), serde_json::to_vec(&foreign).unwrap()).unwrap();
            },
            "another device",
            2,
        ),
        (
            |slot, meta| {
                let file = fs::File::options().write(true).open(slot.folder.join(&meta.blob));
                file.unwrap().set_len(LIMIT + 1).unwrap();
            },
            "above the limit",
            2,
        ),
        (
            |slot, meta| {
                let alien = b"whole, but of another library";
                let mut meta = meta.clone();
                meta.add(&Addition { blob: alien, engine: "x", counts: None }, alien);
                fs::write(slot.folder.join(&meta.blob), alien).unwrap();
                fs::write(slot.meta_path(), serde_json::to_vec(&meta).unwrap()).unwrap();
            },
            "the library refuses it: magic tag",
            3,
        ),
    ];
    for (harm, what, files) in damage {
        let case = Case::filled();
        harm(&case.slot(), &case.read().0.unwrap().meta);
        let (found, said) = case.read();
        assert!(found.is_none() && said.len() == 1 && said[0].contains(what), "{said:?}");
        assert!(said[0].contains("set aside as"), "{said:?}");
        assert_eq!(case.read(), (None, Vec::new()), "{what}: told once");
        assert_eq!(case.aside(), files, "{what}: {:?}", case.files());
        case.merge(&[("conv", 1)], "a").unwrap();
        case.store().prune(Options::default()).unwrap();
        assert_eq!(case.aside(), files, "{what}: prune leaves it");
        let aside = Options { aside: true, ..Options::default() };
        assert_eq!(case.store().prune(aside).unwrap().files, files, "{what}");
        assert_eq!(case.timings(), ["conv"]);
    }
}

#[test]
fn a_kill_at_any_step_leaves_the_committed_cache() {
    type Step = fn(&Slot, &Meta, &[u8]);
    let steps: [(Step, bool); 4] = [
        (
            |slot, meta, bytes| {
                fs::write(slot.folder.join(format!("{}.part", meta.blob)), &bytes[..5]).unwrap();
            },
            false,
        ),
        (|slot, meta, bytes| fs::write(slot.folder.join(&meta.blob), bytes).unwrap(), false),
        (
            |slot, meta, bytes| {
                fs::write(slot.folder.join(&meta.blob), bytes).unwrap();
                fs::write(files::part_path(&slot.meta_path()), b"{ \"for").unwrap();
            },
            false,
        ),
        (
            |slot, meta, bytes| {
                fs::write(slot.folder.join(&meta.blob), bytes).unwrap();
                fs::write(slot.meta_path(), serde_json::to_vec(meta).unwrap()).unwrap();
            },
            true,
        ),
    ];
    for (step, committed) in steps {
        for first in [false, true] {
            let case = if first { Case::new() } else { Case::filled() };
            fs::create_dir_all(case.slot().folder).unwrap();
            let before = case.timings();
            let bytes =
                combine(&blob(&[("new", 1)]), &blob(&[("conv", 10), ("gemm", 20)])).unwrap();
            let mut meta = Meta::new(&scope());
            meta.add(&Addition { blob: &bytes, engine: "n", counts: None }, &bytes);
            step(&case.slot(), &meta, &bytes);
            let after = case.timings();
            let whole = ["conv", "gemm", "new"].map(str::to_owned).to_vec();
            assert_eq!(after, if committed { whole } else { before.clone() });
            case.merge(&[("next", 2)], "b").unwrap();
            assert!(case.timings().contains(&"next".to_owned()));
            assert!(before.iter().all(|timing| case.timings().contains(timing)));
            case.store().prune(Options::default()).unwrap();
            assert_eq!(case.files().len(), 2, "{:?}", case.files());
            assert_eq!(case.aside(), 0);
        }
    }
}

#[test]
fn a_bad_addition_leaves_the_stored_cache_alone() {
    let case = Case::filled();
    let refused = |slot: Slot, blob: &[u8], reason: &str| {
        let new = Addition { blob, engine: "x", counts: None };
        let error = slot.merge(new, &combine, &mut |text| panic!("{text}")).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(case.timings(), ["conv", "gemm"]);
    };
    refused(case.slot(), b"of another library", "magic tag");
    refused(case.slot(), b"", "empty");
    let large = blob(&[("a-layer-with-a-long-name", 1)]);
    let size = blob(&[("conv", 10), ("gemm", 20)]).len() as u64;
    refused(Slot { limit: size, ..case.slot() }, &large, "above the limit");
}

#[test]
fn threads_lose_nothing_to_each_other() {
    let case = Case::new();
    std::thread::scope(|scope| {
        for k in 0..8 {
            let case = &case;
            scope.spawn(move || {
                for n in 0..5 {
                    let layer = format!("layer-{k}-{n}");
                    case.merge(&[(layer.as_str(), 1)], &format!("engine-{k}")).unwrap();
                }
            });
        }
    });
    assert_eq!(case.timings().len(), 40);
    assert_eq!(case.read().0.unwrap().meta.builds, 40);
}

#[test]
fn what_was_not_used_for_long_is_removed_when_asked_for() {
    let case = Case::filled();
    let old = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    let age = |path: &Path| {
        fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    };
    let day = Options { older_than: Some(std::time::Duration::from_hours(24)), aside: false };
    age(&case.slot().meta_path());
    assert_eq!(case.timings(), ["conv", "gemm"]);
    assert_eq!(case.store().prune(day).unwrap().files, 0, "it was used just now");
    age(&case.slot().meta_path());
    assert_eq!(case.store().prune(day).unwrap().files, 2);
    assert_eq!(case.timings(), Vec::<String>::new());
}
