//! What the store does with what it holds, and with what it should not hold.

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
        let (_folder, shelf, entry) = filled();
        harm(&shelf, &entry);
        let (found, said) = look_up(&shelf);
        assert!(found.is_none() && said.contains(what), "{said}");
        assert_eq!(look_up(&shelf), (None, String::new()), "{what}: told once");
        shelf.prune().unwrap();
        prune_engines(&shelf.engines).unwrap();
        let left: Vec<PathBuf> =
            list(&shelf.folder).into_iter().chain(list(&shelf.engines)).collect();
        assert!(left.iter().all(|path| !is_leftover(path)), "{left:?}");
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
