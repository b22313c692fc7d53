//! Every architecture against torchvision's own model, without torch.
//!
//! `cargo xtask measure golden` lets torchvision answer once, in float64, with weights that a hash gives
//! (`xtask/src/measure/golden.py` says how), and keeps answers and inner values in `tests/data/golden/`. Here the same
//! weights go through our graphs, on each engine that works on this machine. Digests show that both sides had the
//! same tensors under the same names in the same order.

mod mutants;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use backend::onnx::node::value_info;
use backend::onnx::proto::{DataType, ModelProto};
use backend::onnx::shape::Dim;
use backend::{Backend, BackendId, Environment, OpenOptions, Precision};
use pipeline::Digest;
use serde::Deserialize;

use super::{Architecture, Net, Norm};
use crate::export::{assemble, describe_values};
use crate::verify::tolerance::Depth;
use crate::weights::{Parameter, Role, Weights};

/// A file of answers.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Golden {
    classes: usize,
    image: [usize; 4],
    weights_sha256: String,
    input_sha256: String,
    exponents: BTreeMap<String, i32>,
    logits: Vec<f64>,
    stages: BTreeMap<String, Stage>,
}

/// Samples of what one of torchvision's modules gave.
#[derive(Deserialize)]
struct Stage {
    largest: f64,
    at: Vec<usize>,
    values: Vec<f64>,
}

impl Golden {
    fn of(architecture: Architecture) -> Self {
        let name = architecture.as_str();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
        let text = std::fs::read_to_string(folder.join(format!("{name}.json")));
        let text = text
            .unwrap_or_else(|_| panic!("no golden answers: run cargo xtask measure golden {name}"));
        serde_json::from_str(&text).unwrap()
    }

    fn input(&self) -> Vec<f32> {
        units("input", self.image.iter().product()).map(|u| (2.0 * u) as f32).collect()
    }

    /// Expected values of an output: those at some places of a stage, or all logits.
    fn expected(&self, stage: Option<&str>) -> (f64, Vec<(usize, f64)>) {
        if let Some(stage) = stage.map(|stage| &self.stages[stage]) {
            return (stage.largest, stage.at.iter().copied().zip(stage.values.clone()).collect());
        }
        let largest = self.logits.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        (largest, self.logits.iter().copied().enumerate().collect())
    }
}

/// Weights by the hash of their names.
impl Weights for Golden {
    fn tensor(&self, parameter: &Parameter<'_>) -> anyhow::Result<Vec<f32>> {
        let Parameter { name, shape, role } = *parameter;
        let units = units(name, shape.iter().product());
        let bound = || (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
        let module = name.rsplit_once('.').map_or("", |(module, _)| module);
        let exponent = || self.exponents[module];
        Ok(match role {
            Role::Conv { .. } => units.map(|u| (bound() / 8.0 * u) as f32).collect(),
            Role::Hidden { .. } | Role::Linear { .. } => {
                units.map(|u| (bound() * u) as f32).collect()
            }
            Role::Shift { .. } | Role::Bias { .. } => units.map(|u| (u / 8.0) as f32).collect(),
            Role::Scale { .. } => units.map(|u| (1.0 + u / 4.0) as f32).collect(),
            Role::RunningVariance => {
                units.map(|u| (2_f64.powi(exponent()) * (1.0 + u / 2.0)) as f32).collect()
            }
            Role::RunningMean => {
                let scale = 2_f64.powi(exponent().div_euclid(2));
                units.map(|u| (scale * u / 4.0) as f32).collect()
            }
        })
    }
}

/// Numbers from −1 to 1 by a name: FNV-1a and the finaliser of splitmix64.
fn units(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let fnv = |key: u64, byte: u8| (key ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let key = name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    (1..=count as u64).map(move |index| {
        let x = key.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 40) as f64 / 8_388_608.0 - 1.0
    })
}

fn digest(values: &[f32]) -> Digest {
    Digest::of_bytes(&values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
}

/// Over names, shapes and values, in the order of the state dictionary.
fn digest_of_weights(architecture: Architecture, golden: &Golden) -> Digest {
    let line = |parameter: &crate::weights::OwnedParameter| {
        let shape: Vec<String> = parameter.shape.iter().map(usize::to_string).collect();
        let borrowed =
            Parameter { name: &parameter.name, shape: &parameter.shape, role: parameter.role };
        let values = golden.tensor(&borrowed).unwrap();
        format!("{} {} {}\n", parameter.name, shape.join("x"), digest(&values).as_str())
    };
    let lines: String = architecture.parameters(golden.classes).iter().map(line).collect();
    Digest::of_bytes(lines.as_bytes())
}

/// A graph with its stages as further outputs.
struct Case {
    model: ModelProto,
    /// Output and the stage that it is; none for the logits.
    outputs: Vec<(String, Option<String>)>,
}

impl Case {
    fn new(architecture: Architecture, golden: &Golden, norm: Norm, opset: u32) -> Self {
        let mut net = Net::new(golden, norm, opset);
        architecture.build(&mut net, golden.classes).unwrap();
        let graph = net.finish();
        let mut outputs = vec![("output".to_owned(), None)];
        outputs.extend(graph.stages.iter().map(|(path, x)| (x.clone(), Some(path.clone()))));
        let info = |(name, _): &(String, _)| value_info(name, DataType::Float as i32, None);
        let infos = outputs.iter().map(info).collect();
        let mut model = assemble(graph, &golden.image.map(Dim::Fixed), infos, opset);
        describe_values(&mut model);
        Self { model, outputs }
    }

    /// The largest error of each output relative to the largest value, on each engine.
    fn errors(
        &self,
        golden: &Golden,
        engines: &[Box<dyn Backend>],
    ) -> Vec<(BackendId, Vec<(&str, f64)>)> {
        // not by `save`, which waits for the disk
        let mut file = tempfile::Builder::new().suffix(".onnx").tempfile().unwrap();
        file.write_all(&backend::onnx::file::encode(&self.model).unwrap()).unwrap();
        let mut found = Vec::new();
        for engine in engines {
            found.push((engine.id(), self.run(golden, engine.as_ref(), file.path())));
        }
        found
    }

    fn run(&self, golden: &Golden, engine: &dyn Backend, path: &Path) -> Vec<(&str, f64)> {
        let options = OpenOptions { threads: 2, ..OpenOptions::default() };
        let mut session = engine.open_model(path, &options).unwrap();
        session.set_input(0, &golden.input()).unwrap();
        session.infer().unwrap();
        let error = |(name, stage): &'_ (String, Option<String>)| {
            let index = session.outputs().iter().position(|output| output.name == *name);
            let values = session.output(index.unwrap()).unwrap();
            let (largest, expected) = golden.expected(stage.as_deref());
            let apart = |(at, value): (usize, f64)| (f64::from(values[at]) - value).abs();
            let most = expected
                .into_iter()
                .map(apart)
                .fold(0.0, |a: f64, b| if b.is_nan() { f64::INFINITY } else { a.max(b) });
            most / largest
        };
        self.outputs
            .iter()
            .map(|output| (output.1.as_deref().unwrap_or("logits"), error(output)))
            .collect()
    }
}

/// Those that work on this machine; rten always does.
fn engines() -> Vec<Box<dyn Backend>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let environment = Environment { data };
    let open = |id| backend::open_backend(id, &environment);
    let mut engines = vec![open(BackendId::Rten).unwrap()];
    engines.extend(open(BackendId::OnnxruntimeCpu).ok());
    engines
}

fn named(name: &str) -> (Architecture, Golden) {
    let architecture = Architecture::named(name).unwrap();
    (architecture, Golden::of(architecture))
}

/// One after the other: a large one takes a gigabyte.
#[test]
fn answers_are_those_of_torchvision() {
    for &architecture in Architecture::all() {
        let golden = Golden::of(architecture);
        assert_eq!(digest(&golden.input()).as_str(), golden.input_sha256, "{architecture:?}");
        let weights = digest_of_weights(architecture, &golden);
        assert_eq!(weights.as_str(), golden.weights_sha256, "{architecture:?}: names or shapes");
        for norm in [Norm::Folded, Norm::Kept] {
            check(architecture, &golden, norm, 17);
        }
    }
    // the decomposition of what older operator sets do not have
    let (architecture, golden) = named("mobilenet_v3_small");
    check(architecture, &golden, Norm::Folded, 13);
}

fn check(architecture: Architecture, golden: &Golden, norm: Norm, opset: u32) {
    let case = Case::new(architecture, golden, norm, opset);
    assert!(case.outputs.len() > 3, "{architecture:?} names no stages");
    let tolerance = Depth::of(&case.model).relative(Precision::Fp32);
    for (engine, errors) in case.errors(golden, &engines()) {
        let worst = errors.iter().map(|(_, error)| *error).fold(0.0, f64::max);
        println!(
            "{architecture:?} {norm:?} {engine}: logits {:.1e}, worst of all {worst:.1e} of the scale; tolerance {tolerance:.1e}",
            errors[0].1
        );
        assert!(worst <= tolerance, "{architecture:?} {norm:?} on {engine}: {errors:?}");
    }
}
