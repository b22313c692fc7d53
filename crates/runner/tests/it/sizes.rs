//! Engines of models that leave sizes open, or have inputs without any: what was built is what is run and compared.

use backend::onnx::node::{node, value_info};
use backend::onnx::proto::ModelProto;
use backend::onnx::shape::Dim;
use backend::{BackendId, BuildRequest, Environment, Precision};
use pipeline::artifact::{self, EngineRow, ReferenceRow};
use pipeline::{Provenance, Verdict};

use super::{Project, QUICK, engine_row, tiny};

/// A project whose engine is that of another model, built at sizes, without a reference of real engines.
fn project(id: BackendId, model: &ModelProto, shapes: &[(&str, &[usize])]) -> Project {
    let project = Project::new(id);
    let path = project.root.path().join("data/model.onnx");
    backend::onnx::save(&path, model).unwrap();
    let shapes: Vec<(String, Vec<usize>)> =
        shapes.iter().map(|(name, dims)| ((*name).to_owned(), dims.to_vec())).collect();
    let environment = Environment { data: project.root.path().join("data") };
    let backend = backend::open_backend(id, &environment).unwrap();
    let request = BuildRequest { shapes: &shapes, ..BuildRequest::new(&path, Precision::Fp32) };
    backend.build(&request, &project.root.path().join("data/engines/tiny.onnx")).unwrap();
    let flag =
        |(name, dims): &(String, Vec<usize>)| format!("shape={}", backend::shape_text(name, dims));
    let row = EngineRow { flags: shapes.iter().map(flag).collect(), ..engine_row(id) };
    artifact::write(&project.run, &[row], &Provenance::default()).unwrap();
    artifact::write::<ReferenceRow>(&project.run, &[], &Provenance::default()).unwrap();
    project
}

#[test]
fn the_simulator_answers_at_the_sizes_that_the_engine_was_built_for() {
    let mut model = tiny::model();
    let graph = model.graph.as_mut().unwrap();
    let batch = || Dim::Symbol("batch".into());
    let image = [batch(), Dim::Fixed(1), Dim::Fixed(4), Dim::Fixed(4)];
    graph.input = vec![value_info("input", 1, Some(&image))];
    graph.output = vec![value_info("output", 1, Some(&[batch(), Dim::Fixed(4)]))];
    let project = project(BackendId::Sim, &model, &[("input", &[2, 1, 4, 4])]);
    let command = project.command(&format!("{QUICK}modes = [\"base\"]")).output().unwrap();
    for row in project.cases() {
        assert_eq!((row.verdict, row.batch), (Verdict::Valid, 2), "{row:?}");
        assert!(row.outputs_checked && row.output_max_abs == Some(0.0), "{row:?}");
    }
    assert_eq!(command.status.code(), Some(0), "{}", String::from_utf8_lossy(&command.stderr));
}

#[test]
fn an_input_without_sizes_may_be_among_the_shapes() {
    let mut model = tiny::model();
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(value_info("gain", 1, Some(&[])));
    graph.node[0].input[0] = "scaled".into();
    graph.node.insert(0, node("Mul", "/Mul", &["input", "gain"], &["scaled"], vec![]));
    let project = project(BackendId::Rten, &model, &[("gain", &[])]);
    let command = project.command(&format!("{QUICK}modes = [\"base\"]")).output().unwrap();
    assert_eq!(command.status.code(), Some(0), "{}", String::from_utf8_lossy(&command.stderr));
    assert!(project.cases().iter().all(|row| row.verdict == Verdict::Valid));
}
