//! What the store does with what it holds, and with what it should not hold.

use std::fs;

use pipeline::Digest;

use super::aside::is_unfinished;
use super::prune::Options;
use super::*;

fn recipe() -> Recipe {
    Recipe {
        model: "m".into(),
        backend: "rten".into(),
        version: "1".into(),
        device: "cpu".into(),
        precision: "fp32".into(),
        shapes: Vec::new(),
        optimization_level: 5,
        flags: Vec::new(),
    }
}

/// A store that holds one engine.
fn filled() -> (tempfile::TempDir, Shelf, Entry) {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Store::new(folder.path()).lock(&recipe(), || panic!("nobody else")).unwrap();
    let digest = Digest::of_bytes(b"engine");
    let entry = Entry::new(recipe(), &digest, format!("{digest}.rten.onnx"));
    fs::write(shelf.engines.join(&entry.file), b"engine").unwrap();
    shelf.insert(&entry).unwrap();
    (folder, shelf, entry)
}

fn look_up(shelf: &Shelf) -> (Option<Entry>, String) {
    let mut said = String::new();
    let found = shelf.find(&recipe(), &mut |text| said = text);
    (found, said)
}

#[test]
fn what_was_inserted_is_found() {
    let (_folder, shelf, entry) = filled();
    assert_eq!(look_up(&shelf), (Some(entry), String::new()));
    let other = Recipe { precision: "fp16".into(), ..recipe() };
    assert_eq!(shelf.find(&other, &mut |_| panic!("no warning")), None);
}

/// Damages a store.
type Harm = fn(&Shelf, &Entry);

#[test]
fn what_is_unusable_is_set_aside_once() {
    let damage: [(Harm, &str); 4] = [
        (|shelf, entry| fs::write(shelf.engines.join(&entry.file), b"other").unwrap(), "digest"),
        (
            |shelf, entry| fs::remove_file(shelf.engines.join(&entry.file)).unwrap(),
            "engine is unusable",
        ),
        (
            |shelf, entry| {
                fs::write(shelf.folder.join(format!("{}.json", entry.key)), b"{\"form").unwrap();
            },
            "entry is unusable",
        ),
        (
            |shelf, entry| {
                let mut foreign = entry.clone();
                foreign.recipe.device = "another".into();
                shelf.insert(&foreign).unwrap();
            },
            "another recipe",
        ),
    ];
    for (harm, what) in damage {
        let (own, shelf, entry) = filled();
        harm(&shelf, &entry);
        let (found, said) = look_up(&shelf);
        assert!(found.is_none() && said.contains(what), "{said}");
        assert_eq!(look_up(&shelf), (None, String::new()), "{what}: told once");
        let (folder, engines) = (shelf.folder.clone(), shelf.engines.clone());
        drop(shelf);
        Store::new(own.path()).prune(Options::default()).unwrap();
        let left: Vec<PathBuf> = list(&folder).into_iter().chain(list(&engines)).collect();
        assert!(left.iter().all(|path| !is_aside(path) && !is_unfinished(path)), "{left:?}");
    }
}

#[test]
fn a_second_builder_waits() {
    let (folder, shelf, _) = filled();
    let store = Store::new(folder.path());
    let (sender, receiver) = std::sync::mpsc::channel();
    let other = std::thread::spawn(move || {
        store.lock(&recipe(), || sender.send(()).unwrap()).map(drop).unwrap();
    });
    receiver.recv().unwrap();
    drop(shelf);
    other.join().unwrap();
}

#[test]
fn other_engines_do_not_wait() {
    let (folder, shelf, _) = filled();
    let store = Store::new(folder.path());
    let other = Recipe { model: "another".into(), ..recipe() };
    drop(store.lock(&other, || panic!("only the same engine is waited for")).unwrap());
    drop(shelf);
}

#[test]
fn prune_leaves_what_a_build_has_locked() {
    let (folder, shelf, entry) = filled();
    let store = Store::new(folder.path());
    let part = shelf.engines.join(format!("{BUILDING}7-{}.rten.onnx", entry.key));
    let torn = shelf.folder.join(format!("{}.json.part", entry.key));
    for path in [&part, &torn] {
        fs::write(path, b"half").unwrap();
    }
    let removed = store.prune(Options::default()).unwrap();
    assert_eq!((removed.files, removed.in_use), (0, 2));
    drop(shelf);
    let removed = store.prune(Options::default()).unwrap();
    assert_eq!((removed.files, removed.bytes, removed.in_use), (2, 8, 0));
    assert_eq!(store.entries().len(), 1);
}

#[test]
fn old_engines_are_removed_when_asked_for() {
    let (folder, shelf, entry) = filled();
    let store = Store::new(folder.path());
    let hours = std::time::Duration::from_hours;
    let old = std::time::SystemTime::now() - hours(48);
    let age = |path: &Path| {
        fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    };
    let file = shelf.folder.join(format!("{}.json", entry.key));
    age(&file);
    age(&shelf.engines.join(&entry.file));
    let day = Options { older_than: Some(hours(24)), aside: false };
    assert!(look_up(&shelf).0.is_some());
    drop(shelf);
    assert_eq!(store.prune(day).unwrap().files, 0, "it was served just now");
    age(&file);
    assert_eq!(store.prune(day).unwrap().files, 2);
    assert!(store.entries().is_empty());
}
