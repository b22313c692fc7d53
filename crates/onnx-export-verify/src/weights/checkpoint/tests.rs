//! Sparse files with the tensors of real architectures: what fits, what does not, and what is said of it.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use super::*;
use crate::weights::OwnedParameter;
use crate::weights::choice::Chosen;

/// A sparse `.safetensors` file of zeros, with single values by name and index.
fn write(path: &Path, tensors: &[(String, Vec<usize>)], values: &[(&str, u64, f32)]) {
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    let mut starts = std::collections::HashMap::new();
    for (name, shape) in tensors {
        let bytes = 4 * shape.iter().product::<usize>() as u64;
        let offsets = [end, end + bytes];
        let info = serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": offsets});
        header.insert(name.clone(), info);
        starts.insert(name.as_str(), end);
        end += bytes;
    }
    let text = serde_json::to_vec(&header).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(&(text.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&text).unwrap();
    let begin = 8 + text.len() as u64;
    for (name, index, value) in values {
        file.seek(SeekFrom::Start(begin + starts[name] + 4 * index)).unwrap();
        file.write_all(&value.to_le_bytes()).unwrap();
    }
    file.set_len(begin + end).unwrap();
}

fn named(name: &str) -> Architecture {
    Architecture::named(name).unwrap()
}

fn tensors(architecture: &str, classes: usize, prefix: &str) -> Vec<(String, Vec<usize>)> {
    let parameters = named(architecture).parameters(classes);
    parameters.into_iter().map(|p| (format!("{prefix}{}", p.name), p.shape)).collect()
}

fn open_with(
    tensors: &[(String, Vec<usize>)],
    values: &[(&str, u64, f32)],
    architecture: &str,
) -> Result<Trained> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    write(&path, tensors, values);
    Trained::open(&path, None, Path::new("w.safetensors"), named(architecture))
}

fn open(tensors: &[(String, Vec<usize>)], architecture: &str) -> Result<Trained> {
    open_with(tensors, &[], architecture)
}

fn refused(tensors: &[(String, Vec<usize>)], architecture: &str) -> (String, String) {
    let error = open(tensors, architecture).unwrap_err();
    assert_eq!(pipeline::fault::exit_of(&error), pipeline::Exit::Config);
    (error.to_string(), pipeline::fault::hints_of(&error).join(" "))
}

#[test]
fn prefixes_and_classes_are_found() {
    for prefix in ["", "module.", "state_dict.module.", "model.backbone.", "_orig_mod."] {
        let trained = open(&tensors("resnet18", 7, prefix), "resnet18").unwrap();
        assert_eq!((trained.prefix(), trained.classes()), (prefix, 7));
    }
}

#[test]
fn the_weights_come_before_their_average_and_both_are_named() {
    let mut both = tensors("resnet18", 10, "model_ema.");
    both.extend(tensors("resnet18", 10, "model."));
    both.push(("optimizer.0".to_owned(), vec![3]));
    let trained = open(&both, "resnet18").unwrap();
    assert_eq!(trained.prefix(), "model.");
    let text = trained.describe();
    assert!(text.contains("`model`") && text.contains("`model_ema`"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.safetensors");
    write(&path, &both, &[]);
    let choose = |part: &str| {
        let file = crate::config::WeightsChoice::File(format!("both.safetensors{part}").into());
        let chosen = Chosen::of(&file, named("resnet18"), folder.path(), folder.path());
        chosen.map(|chosen| match chosen {
            Chosen::Trained(trained) => trained.prefix().to_owned(),
            Chosen::Synthetic { .. } => panic!("a file was given"),
        })
    };
    assert_eq!(choose("#model_ema").unwrap(), "model_ema.");
    assert_eq!(choose("").unwrap(), "model.");
    let error = choose("#teacher").unwrap_err().to_string();
    assert!(error.contains("under `teacher`") && error.contains("missing (102)"), "{error}");

    // the mark counts in the name that was given, not in the folders before it
    let missing = crate::config::WeightsChoice::File("none.safetensors".into());
    let base = folder.path().join("a#b");
    let error = Chosen::of(&missing, named("resnet18"), folder.path(), &base).unwrap_err();
    assert!(error.to_string().contains("none.safetensors"), "{error:#}");
    assert!(!format!("{error:#}").contains("under"), "{error:#}");
}

#[test]
fn weights_without_a_prefix_count_once() {
    let mut both = tensors("resnet18", 10, "");
    both.extend(tensors("resnet18", 10, "ema."));
    let trained = open(&both, "resnet18").unwrap();
    assert_eq!(trained.prefix(), "");
    assert!(trained.describe().contains("`ema`"), "{}", trained.describe());
    // most of them outside, all of them inside
    let mut most = tensors("resnet18", 10, "");
    most.truncate(70);
    most.extend(tensors("resnet18", 10, "backbone."));
    assert_eq!(open(&most, "resnet18").unwrap().prefix(), "backbone.");
}

#[test]
fn all_that_does_not_fit_is_listed() {
    let mut list = tensors("resnet18", 1000, "module.");
    list.retain(|(name, _)| !name.contains("layer3.0.bn1"));
    list.iter_mut().find(|(name, _)| name == "module.conv1.weight").unwrap().1 = vec![64, 1, 7, 7];
    list.push(("module.extra.weight".to_owned(), vec![2]));
    list.push(("module.num_batches".to_owned(), vec![]));
    let (text, _) = refused(&list, "resnet18");
    for what in [
        "under `module`",
        "missing (4): layer3.0.bn1.{weight, bias, running_mean, running_var}\n",
        "unexpected (2): extra.weight, num_batches",
        "conv1.weight is [64, 1, 7, 7] instead of [64, 3, 7, 7]",
    ] {
        assert!(text.contains(what), "{what}: {text}");
    }
}

#[test]
fn another_architecture_is_recognised() {
    let (text, hint) = refused(&tensors("resnet101", 10, "module."), "resnet50");
    assert!(text.contains("unexpected (") && text.contains("layer3.22.conv1.weight"), "{text}");
    assert!(hint.contains("did you mean resnet101?"), "{hint}");
    let (_, hint) = refused(&[("encoder.0.kernel".to_owned(), vec![3])], "resnet50");
    assert!(hint.contains("`encoder.0.kernel`"), "{hint}");
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_name() {
    let list = tensors("resnet18", 2, "module.");
    let values = [
        ("module.conv1.weight", 5, f32::NAN),
        ("module.bn1.bias", 1, f32::INFINITY),
        ("module.bn1.running_var", 1, -0.5),
        ("module.bn1.running_mean", 1, -0.5),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    write(&path, &list, &values);
    let trained = Trained::open(&path, None, &path, named("resnet18")).unwrap();
    let read = |name: &str| {
        let parameters = named("resnet18").parameters(2);
        let OwnedParameter { name, shape, role } =
            parameters.into_iter().find(|p| p.name == name).unwrap();
        trained.tensor(&Parameter { name: &name, shape: &shape, role })
    };
    for name in ["conv1.weight", "bn1.bias", "bn1.running_var"] {
        let error = read(name).unwrap_err().to_string();
        assert!(error.contains(&format!("tensor `module.{name}` holds")), "{error}");
    }
    assert!((read("bn1.running_mean").unwrap()[1] + 0.5).abs() < 1e-9);
    assert_eq!(read("fc.bias").unwrap(), [0.0, 0.0]);
}
