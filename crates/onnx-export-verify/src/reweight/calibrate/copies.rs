//! The graph once for each seeded input, with statistics over all copies.

use std::collections::{HashMap, HashSet};

use backend::onnx::node::{float, subgraphs_mut};
use backend::onnx::proto::{GraphProto, NodeProto};

use super::super::graph::{Links, captured, input, output};
use super::super::residual::Gains;
use super::super::roles::Plan;
use super::super::sites::{Norm, Product, Sites};
use super::emit::Emit;
use super::{INPUTS, LOGIT_DEVIATION, Wanted};

/// Operators through which a factor above zero passes.
const HOMOGENEOUS: [&str; 15] = [
    "Relu",
    "LeakyRelu",
    "PRelu",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Dropout",
    "Identity",
    "ReduceMean",
];

/// Names of the values that differ from copy to copy.
pub(super) struct Names {
    moving: HashSet<String>,
    inputs: Vec<String>,
}

impl Names {
    fn of(graph: &GraphProto) -> Self {
        let inputs: Vec<String> = graph.input.iter().map(|input| input.name.clone()).collect();
        let mut moving: HashSet<String> = inputs.iter().cloned().collect();
        for node in &graph.node {
            let mut read: HashSet<String> = node.input.iter().cloned().collect();
            captured(node, &mut read);
            if read.iter().any(|name| moving.contains(name)) {
                moving.extend(node.output.iter().filter(|name| !name.is_empty()).cloned());
            }
        }
        Self { moving, inputs }
    }

    fn copy(&self, name: &str, copy: usize) -> String {
        if self.moving.contains(name) {
            format!("calibrate:{copy}:{name}")
        } else {
            name.to_owned()
        }
    }

    fn copies(&self, name: &str) -> Vec<String> {
        (0..INPUTS).map(|copy| self.copy(name, copy)).collect()
    }

    fn moves(&self, node: &NodeProto) -> bool {
        node.output.iter().any(|name| self.moving.contains(name))
    }

    /// The sizes of the inputs, for every copy.
    pub(super) fn shapes(&self, given: &[(String, Vec<usize>)]) -> Vec<(String, Vec<usize>)> {
        let known = given.iter().filter(|(name, _)| self.inputs.contains(name));
        known
            .flat_map(|(name, dims)| {
                (0..INPUTS).map(move |copy| (self.copy(name, copy), dims.clone()))
            })
            .collect()
    }

    /// A node with the names of a copy, in its subgraphs too.
    fn node(&self, node: &NodeProto, copy: usize) -> NodeProto {
        let mut new = node.clone();
        for name in new.input.iter_mut().chain(&mut new.output) {
            *name = self.copy(name, copy);
        }
        subgraphs_mut(&mut new).for_each(|inner| self.subgraph(inner, copy));
        new.name = format!("calibrate:{copy}:{}", node.name);
        new
    }

    fn subgraph(&self, graph: &mut GraphProto, copy: usize) {
        for output in &mut graph.output {
            output.name = self.copy(&output.name, copy);
        }
        for node in &mut graph.node {
            *node = self.node(node, copy);
        }
    }
}

/// The calibrating graph.
pub(super) struct Copies {
    pub(super) graph: GraphProto,
    /// Its outputs, in the order in which they are to be used.
    pub(super) wanted: Vec<Wanted>,
    pub(super) names: Names,
    /// Products and normalisations that are measured.
    pub(super) sites: usize,
}

struct Building<'a> {
    emit: Emit,
    names: Names,
    plan: &'a Plan,
    gains: &'a Gains,
    beta: &'a dyn Fn(&str) -> Vec<f32>,
    wanted: Vec<Wanted>,
    /// The bias of each product, by index of the product's node.
    biases: HashMap<usize, String>,
}

impl Copies {
    pub(super) fn of(
        graph: &GraphProto,
        opset: i64,
        plan: &Plan,
        gains: &Gains,
        beta: &dyn Fn(&str) -> Vec<f32>,
    ) -> Self {
        let links = Links::of(graph);
        let sites = Sites::of(&links, plan);
        let names = Names::of(graph);
        let (wanted, biases) = (Vec::new(), HashMap::new());
        let mut building =
            Building { emit: Emit::new(opset), names, plan, gains, beta, wanted, biases };
        building.emit.graph.initializer.clone_from(&graph.initializer);
        for input in &graph.input {
            for copy in 0..INPUTS {
                let mut input = input.clone();
                input.name = building.names.copy(&input.name, copy);
                building.emit.graph.input.push(input);
            }
        }
        for (index, node) in graph.node.iter().enumerate() {
            building.node(index, node, &sites);
        }
        building.spreads(&links, &sites);
        let Building { emit, wanted, names, .. } = building;
        let sites = sites.products.len() + sites.norms.len();
        Self { graph: emit.graph, wanted, names, sites }
    }
}

impl Building<'_> {
    fn node(&mut self, index: usize, node: &NodeProto, sites: &Sites) {
        if !self.names.moves(node) {
            self.emit.push(node.clone());
        } else if let Some(norm) = sites.norms.get(&index) {
            self.norm(node, norm);
        } else if let Some(product) = sites.products.get(&index) {
            self.product(index, node, product);
        } else if let Some(bias) = sites.adds.get(&index).and_then(|made| self.biases.get(made)) {
            let bias = bias.clone();
            let at =
                usize::from(!node.input.first().is_some_and(|n| self.names.moving.contains(n)));
            for copy in 0..INPUTS {
                let value = self.names.copy(&node.input[at], copy);
                let result = self.names.copy(output(node), copy);
                self.emit.op_into("Add", &[&value, &bias], &result);
            }
        } else {
            for copy in 0..INPUTS {
                let node = self.names.node(node, copy);
                self.emit.push(node);
            }
        }
    }

    /// Scales the results to a spread of 1 around their means, and takes the means away by the bias.
    fn product(&mut self, index: usize, node: &NodeProto, product: &Product) {
        let Product { axis, rank, channels, .. } = *product;
        let own_bias = product.bias.as_ref().is_some_and(|bias| bias.added_by.is_none());
        let mut raw = Vec::with_capacity(INPUTS);
        for copy in 0..INPUTS {
            let mut node = self.names.node(node, copy);
            node.input.truncate(2);
            node.output = vec![format!("calibrate:raw:{copy}:{}", output(&node))];
            raw.push(node.output[0].clone());
            self.emit.push(node);
        }
        let centre = product.bias.as_ref().map(|_| self.emit.common_mean(&raw, Some(axis), rank));
        let apart = match &centre {
            Some(centre) => self.emit.less(&raw, centre),
            None => raw.clone(),
        };
        let power = self.emit.power(&apart, None, rank);
        let spread = self.emit.root(&power, 0.0);
        let gain = match self.gains.filters.get(&product.filters) {
            _ if product.last => LOGIT_DEVIATION,
            Some(gain) => *gain,
            None => 1.0,
        };
        let gain = self.emit.constant(&[], &[gain]);
        let factor = self.emit.op("Div", &[&gain, &spread]);
        self.emit.output(&factor, None, rank);
        let filters = product.filters.clone();
        self.wanted.push(Wanted::Factor { output: factor.clone(), filters });
        let mut bias = None;
        if let (Some(centre), Some(weight)) = (&centre, &product.bias) {
            let mut dims = vec![1; rank];
            dims[axis] = channels;
            let beta = self.emit.constant(&dims, &(self.beta)(&weight.name));
            let share = self.emit.constant(&[], &[1.0 - product.kept]);
            let taken = self.emit.op("Mul", &[centre, &share]);
            let moved = self.emit.op("Mul", &[&taken, &factor]);
            let value = self.emit.op("Sub", &[&beta, &moved]);
            self.emit.output(&value, Some((axis, channels)), rank);
            let name = weight.name.clone();
            self.wanted.push(Wanted::Values { output: value.clone(), weight: name });
            self.biases.insert(index, value.clone());
            bias = Some(value).filter(|_| own_bias);
        }
        for (copy, raw) in raw.iter().enumerate() {
            let result = self.names.copy(output(node), copy);
            if let Some(bias) = &bias {
                let scaled = self.emit.op("Mul", &[raw, &factor]);
                self.emit.op_into("Add", &[&scaled, bias], &result);
            } else {
                self.emit.op_into("Mul", &[raw, &factor], &result);
            }
        }
    }

    /// Normalises by the statistics of all copies.
    fn norm(&mut self, node: &NodeProto, norm: &Norm) {
        let rank = norm.rank;
        let x = self.names.copies(input(node, 0).unwrap_or_default());
        let mean = self.emit.common_mean(&x, Some(1), rank);
        let apart = self.emit.less(&x, &mean);
        let seen = self.emit.power(&apart, Some(1), rank);
        let variance = self.emit.floored(&seen, rank);
        let deviation = self.emit.root(&variance, float(node, "epsilon").unwrap_or(1e-5));
        let scale = self.emit.along(&node.input[1], 1, rank);
        let shift = self.emit.along(&node.input[2], 1, rank);
        let factor = self.emit.op("Div", &[&scale, &deviation]);
        for (copy, apart) in apart.iter().enumerate() {
            let scaled = self.emit.op("Mul", &[apart, &factor]);
            let result = self.names.copy(output(node), copy);
            self.emit.op_into("Add", &[&scaled, &shift], &result);
        }
        for (value, weight) in [(mean, &norm.mean), (variance, &norm.variance)] {
            let count = self.plan.weights.iter().find(|w| w.name == *weight);
            let count = count.map_or(1, |weight| weight.dims.iter().product());
            self.emit.output(&value, Some((1, count)), rank);
            self.wanted.push(Wanted::Values { output: value, weight: weight.clone() });
        }
    }

    /// What each Softmax reads, where a factor of the product before it passes through.
    fn spreads(&mut self, links: &Links<'_>, sites: &Sites) {
        let mut scaled = HashSet::new();
        for node in links.nodes {
            let softmax = matches!(node.op_type.as_str(), "Softmax" | "LogSoftmax");
            let Some(value) = input(node, 0).filter(|_| softmax) else { continue };
            let Some(product) = before(links, sites, value) else { continue };
            let Some(rank) = self.plan.rank(value).filter(|_| product.last) else { continue };
            if !scaled.insert(product.filters.clone()) {
                continue;
            }
            let seen = self.names.copies(value);
            let apart = self.emit.centred_each(&seen, rank);
            let power = self.emit.power(&apart, None, rank);
            let output = self.emit.root(&power, 0.0);
            self.emit.output(&output, None, rank);
            let bias = product.bias.as_ref().map(|bias| bias.name.clone());
            self.wanted.push(Wanted::Spread { output, filters: product.filters, bias });
        }
    }
}

/// The product before a value, where a factor passes through all that is between.
fn before(links: &Links<'_>, sites: &Sites, value: &str) -> Option<Product> {
    let mut value = value;
    for _ in 0..16 {
        let index = links.made_by(value)?;
        let made = sites.adds.get(&index).copied().unwrap_or(index);
        if let Some(product) = sites.products.get(&made) {
            return Some(product.clone());
        }
        let node = &links.nodes[index];
        let passes =
            HOMOGENEOUS.contains(&node.op_type.as_str()) && links.only_reader(value).is_some();
        value = input(node, 0).filter(|_| passes)?;
    }
    None
}
