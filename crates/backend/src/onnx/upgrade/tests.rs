//! Each rewritten operator answers as the original does on ONNX Runtime, which reads all operator sets,
//! and as rten does on its view.

use std::path::Path;

use super::*;
use crate::contract::environment;
use crate::input::image_like;
use crate::onnx::node::{attr_float, attr_int, attr_ints, attr_text, node, value_info};
use crate::onnx::proto::AttributeProto;
use crate::onnx::tensor::{from_f32, from_i64};
use crate::{BackendId, OpenOptions, open_backend};

/// One operator of an old operator set.
struct Case {
    opset: i64,
    op: &'static str,
    dims: &'static [usize],
    constants: Vec<TensorProto>,
    outputs: usize,
    attributes: Vec<AttributeProto>,
    /// Whether rten has the operator.
    rten: bool,
}

fn case(opset: i64, op: &'static str, dims: &'static [usize], attrs: Vec<AttributeProto>) -> Case {
    Case { opset, op, dims, constants: Vec::new(), outputs: 1, attributes: attrs, rten: true }
}

impl Case {
    fn with(mut self, constants: Vec<TensorProto>) -> Self {
        self.constants = constants;
        self
    }

    fn outputs(mut self, outputs: usize) -> Self {
        self.outputs = outputs;
        self
    }

    fn without_rten(mut self) -> Self {
        self.rten = false;
        self
    }

    fn model(&self) -> ModelProto {
        let dims: Vec<Dim> = self.dims.iter().copied().map(Dim::Fixed).collect();
        let names: Vec<String> = (0..self.outputs).map(|k| format!("y{k}")).collect();
        let mut inputs = vec!["x"];
        inputs.extend(self.constants.iter().map(|t| t.name.as_str()));
        inputs.iter_mut().filter(|name| **name == "nothing").for_each(|name| *name = "");
        let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
        let constants = self.constants.iter().filter(|t| t.name != "nothing").cloned();
        let graph = GraphProto {
            name: self.op.into(),
            input: vec![value_info("x", 1, Some(&dims))],
            initializer: constants.collect(),
            node: vec![node(self.op, "n", &inputs, &outputs, self.attributes.clone())],
            ..GraphProto::default()
        };
        let mut model = ModelProto {
            ir_version: file_version(self.opset),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: self.opset }],
            ..ModelProto::default()
        };
        let mut bare = model.clone();
        bare.graph.as_mut().unwrap().output.clear();
        let shapes = shape::infer(&bare, &[]);
        let known = |name: &String| shapes.get(name).cloned().unwrap_or_default();
        model.graph.as_mut().unwrap().output = names
            .iter()
            .map(|name| value_info(name, known(name).element.max(1), known(name).dims.as_deref()))
            .collect();
        model
    }
}

fn cases() -> Vec<Case> {
    let x = &[2, 3, 4][..];
    let image = &[1, 4, 5, 6][..];
    let axis = |a| vec![attr_int("axis", a)];
    let axes = |a: &[i64]| vec![attr_ints("axes", a)];
    let scales = |s: &[f32]| from_f32("scales", &[s.len()], s);
    let mode = |m| attr_text("mode", m);
    let pads = || attr_ints("pads", &[0, 0, 1, 2, 0, 0, 2, 1]);
    let channel =
        |name: &str, base: f32| from_f32(name, &[4], &[base, base + 0.1, base + 0.2, base + 0.3]);
    let filters = || from_f32("w", &[2, 4, 3, 3], &image_like(9, &[2, 4, 3, 3]));
    let upsample = |m: &'static str| {
        vec![
            AttributeProto { floats: vec![1.0, 1.0, 2.0, 3.0], ..attr_ints("scales", &[]) },
            mode(m),
        ]
    };
    let floats = |mut attributes: Vec<AttributeProto>| {
        attributes[0].r#type = crate::onnx::proto::AttributeType::Floats as i32;
        attributes
    };
    let bilinear = |m: &'static str| {
        case(16, "GridSample", &[1, 1, 4, 4], vec![mode(m)]).with(vec![from_f32(
            "grid",
            &[1, 3, 3, 2],
            &image_like(5, &[1, 3, 3, 2]),
        )])
    };
    vec![
        case(9, "Softmax", x, vec![]),
        case(9, "Softmax", x, axis(2)),
        case(9, "Softmax", x, axis(0)),
        case(12, "Softmax", x, axis(-2)),
        case(12, "Softmax", &[1, 9, 1, 1], vec![]),
        case(11, "LogSoftmax", x, axis(-1)),
        case(9, "LogSoftmax", x, vec![]),
        case(9, "Hardmax", x, vec![]).without_rten(),
        case(
            9,
            "Slice",
            x,
            vec![
                attr_ints("starts", &[1, -3]),
                attr_ints("ends", &[9, -1]),
                attr_ints("axes", &[1, 2]),
            ],
        ),
        case(9, "Slice", x, vec![attr_ints("starts", &[0, 1]), attr_ints("ends", &[1, 3])]),
        case(9, "Pad", image, vec![pads(), attr_float("value", 0.5)]),
        case(9, "Pad", image, vec![pads(), mode("reflect")]),
        case(10, "Pad", image, vec![pads(), mode("edge")]),
        case(9, "Clip", x, vec![attr_float("min", -0.3), attr_float("max", 0.4)]),
        case(10, "Clip", x, vec![attr_float("max", 0.1)]),
        case(9, "Dropout", x, vec![attr_float("ratio", 0.7)]),
        case(11, "Dropout", x, vec![]),
        case(7, "Upsample", image, floats(upsample("nearest"))),
        case(8, "Upsample", image, floats(upsample("linear"))),
        case(9, "Upsample", image, vec![mode("nearest")]).with(vec![scales(&[1.0, 1.0, 2.5, 2.0])]),
        case(9, "Upsample", image, vec![mode("linear")]).with(vec![scales(&[1.0, 1.0, 2.0, 2.0])]),
        case(10, "Resize", image, vec![]).with(vec![scales(&[1.0, 1.0, 1.5, 2.0])]),
        case(10, "Resize", image, vec![]).with(vec![scales(&[1.0, 1.0, 0.6, 0.5])]),
        case(10, "Resize", image, vec![mode("linear")]).with(vec![scales(&[1.0, 1.0, 0.5, 2.0])]),
        case(9, "TopK", x, vec![attr_int("k", 2), attr_int("axis", 2)]).outputs(2).without_rten(),
        case(9, "Squeeze", &[1, 3, 1, 2], axes(&[0, 2])),
        case(11, "Squeeze", &[1, 3, 1, 2], vec![]),
        case(9, "Unsqueeze", x, axes(&[0, 2])),
        case(9, "ReduceSum", x, vec![attr_ints("axes", &[1]), attr_int("keepdims", 0)]),
        case(11, "ReduceSum", x, vec![]),
        case(9, "ReduceMean", x, axes(&[0, 2])),
        case(13, "ReduceMax", x, axes(&[1])),
        case(13, "ReduceL2", x, axes(&[2])),
        case(9, "Split", x, vec![attr_int("axis", 2), attr_ints("split", &[1, 3])]).outputs(2),
        case(9, "Split", x, axis(2)).outputs(2),
        case(13, "Split", x, axis(2)).outputs(2),
        case(8, "BatchNormalization", image, vec![attr_int("spatial", 1)]).with(vec![
            channel("s", 0.5),
            channel("b", -0.2),
            channel("m", 0.1),
            channel("v", 0.7),
        ]),
        case(9, "Scatter", x, axis(1))
            .with(vec![from_i64("i", &[1, 1, 2], &[2, 0]), from_f32("u", &[1, 1, 2], &[7.0, 8.0])]),
        case(
            10,
            "RoiAlign",
            image,
            vec![attr_int("output_height", 2), attr_int("output_width", 2)],
        )
        .with(vec![from_f32("rois", &[1, 4], &[0.0, 0.0, 3.0, 3.0]), from_i64("batch", &[1], &[0])])
        .without_rten(),
        bilinear("bilinear"),
        bilinear("bicubic").without_rten(),
        case(17, "DFT", &[1, 6, 4, 1], vec![]).without_rten(),
        case(18, "GroupNormalization", image, vec![attr_int("num_groups", 2)])
            .with(vec![from_f32("s", &[2], &[0.5, 2.0]), from_f32("b", &[2], &[0.1, -0.4])])
            .without_rten(),
        // operators that rten reads from its view only
        case(
            9,
            "LRN",
            &[1, 7, 3, 3],
            vec![attr_int("size", 5), attr_float("alpha", 0.5), attr_float("beta", 0.6)],
        ),
        case(9, "Conv", image, vec![]).with(vec![filters()]),
        case(
            11,
            "Conv",
            image,
            vec![attr_ints("pads", &[1, 0, 1, 2]), attr_text("auto_pad", "NOTSET")],
        )
        .with(vec![filters()]),
        case(
            13,
            "Conv",
            image,
            vec![attr_text("auto_pad", "SAME_LOWER"), attr_ints("strides", &[2, 2])],
        )
        .with(vec![filters()]),
        case(9, "MaxPool", image, vec![attr_ints("kernel_shape", &[2, 2])]),
        case(
            11,
            "AveragePool",
            image,
            vec![attr_ints("kernel_shape", &[2, 2]), attr_text("auto_pad", "SAME_LOWER")],
        ),
        case(
            11,
            "AveragePool",
            image,
            vec![
                attr_ints("kernel_shape", &[3, 3]),
                attr_text("auto_pad", "SAME_UPPER"),
                attr_int("count_include_pad", 1),
                attr_ints("strides", &[2, 2]),
            ],
        ),
    ]
}

fn answers(id: BackendId, model: &Path, x: &[f32]) -> Result<Vec<Vec<f32>>, String> {
    let backend = open_backend(id, &environment()).map_err(|error| error.to_string())?;
    let options = OpenOptions { optimise: false, ..OpenOptions::default() };
    let mut session = backend.open_model(model, &options).map_err(|error| error.to_string())?;
    session.set_input(0, x).map_err(|error| error.to_string())?;
    session.infer().map_err(|error| error.to_string())?;
    let count = session.outputs().len();
    (0..count).map(|k| session.output(k).map_err(|error| error.to_string())).collect()
}

fn agree(a: &[Vec<f32>], b: &[Vec<f32>]) -> bool {
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 2e-5 * a.abs().max(1.0);
    let same = |(a, b): (&Vec<f32>, &Vec<f32>)| a.len() == b.len() && a.iter().zip(b).all(close);
    a.len() == b.len() && a.iter().zip(b).all(same)
}

#[test]
fn every_rewritten_operator_answers_as_before() {
    if let Err(error) = open_backend(BackendId::OnnxruntimeCpu, &environment()) {
        eprintln!("skipped: {error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    let mut wrong = Vec::new();
    for case in cases() {
        let x = image_like(3, case.dims);
        let model = case.model();
        crate::onnx::save(&path, &model).unwrap();
        let given: Vec<&str> = case.attributes.iter().map(|a| a.name.as_str()).collect();
        let what = format!("{} at opset {} with {given:?}", case.op, case.opset);
        let expected = match answers(BackendId::OnnxruntimeCpu, &path, &x) {
            Ok(expected) => expected,
            Err(error) => {
                wrong.push(format!("{what}: the original: {error}"));
                continue;
            }
        };
        if case.rten {
            match answers(BackendId::Rten, &path, &x) {
                Ok(found) if agree(&found, &expected) => {}
                found => wrong.push(format!("{what} on rten: {found:?}, expected {expected:?}")),
            }
        }
        for to in [13, 18, 21, 22] {
            let newer = match upgrade(model.clone(), to) {
                Ok(newer) => newer,
                Err(error) => {
                    wrong.push(format!("{what} to {to}: {error}"));
                    continue;
                }
            };
            crate::onnx::save(&path, &newer).unwrap();
            match answers(BackendId::OnnxruntimeCpu, &path, &x) {
                Ok(found) if agree(&found, &expected) => {}
                // ONNX Runtime does not have the newest version of every operator
                Err(error) if error.contains("Could not find an implementation") => {}
                found => wrong.push(format!("{what} to {to}: {found:?}, expected {expected:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_has_no_equal_is_refused() {
    let refused = |case: Case| upgrade(case.model(), 13).unwrap_err().to_string();
    let spatial = refused(case(8, "BatchNormalization", &[1, 1], vec![attr_int("spatial", 0)]));
    assert!(spatial.starts_with("BatchNormalization `n` of opset 8 has no equal in opset 9"));
    let both = from_f32("scales", &[4], &[1.0, 1.0, 2.0, 0.5]);
    let resize = refused(case(10, "Resize", &[1, 1, 4, 4], vec![]).with(vec![both]));
    assert!(resize.contains("enlarges one axis"), "{resize}");
    assert!(refused(case(5, "Relu", &[1], vec![])).contains("opset 5 cannot be rewritten"));
    let model = case(17, "Relu", &[1], vec![]).model();
    assert_eq!(upgrade(model.clone(), 13).unwrap(), model);
    assert!(upgrade(model, 99).is_err());
}

/// Its elements at inference were never defined: ONNX Runtime gave zeros before version 12 and ones since.
#[test]
fn a_mask_keeps_its_type() {
    let new = upgrade(case(9, "Dropout", &[2], vec![]).outputs(2).model(), 13).unwrap();
    let nodes = new.graph.unwrap().node;
    let told: Vec<_> = nodes.iter().map(|node| (node.op_type.as_str(), &node.output)).collect();
    let names = |list: &[&str]| list.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
    assert_eq!(told[0], ("Dropout", &names(&["y0", "n/mask"])));
    assert_eq!(told[1], ("Cast", &names(&["y1"])));
}

#[test]
fn subgraphs_are_rewritten_and_names_stay_apart() {
    let mut inner = case(9, "Squeeze", &[1, 3], vec![attr_ints("axes", &[0])]).model();
    let body = inner.graph.take().unwrap();
    let mut model = case(9, "If", &[1], vec![]).model();
    let graph = model.graph.as_mut().unwrap();
    let branch = |name: &str| AttributeProto { g: Some(body.clone()), ..attr_int(name, 0) };
    graph.node[0].attribute = vec![branch("then_branch"), branch("else_branch")];
    graph.initializer = vec![from_f32("n/axes", &[1], &[0.0])];
    let new = upgrade(model, 13).unwrap().graph.unwrap();
    let names: Vec<&str> = new.node[0]
        .attribute
        .iter()
        .flat_map(|a| &a.g.as_ref().unwrap().node)
        .map(|node| node.name.as_str())
        .collect();
    assert_eq!(names, ["n/axes_1", "n", "n/axes_2", "n"]);
}
