//! Where a graph is measured: products whose filters can be scaled, and normalisations with running statistics.

use std::collections::{HashMap, HashSet};

use backend::onnx::proto::NodeProto;

use super::graph::{Links, input, output};
use super::roles::{Plan, Role};

/// A product: its filters are scaled so that the results spread by 1, its bias takes their means away.
#[derive(Clone, Debug)]
pub(super) struct Product {
    /// The weight that is scaled.
    pub(super) filters: String,
    /// The weight that is written, its axis in the result, and whether an Add of its own reads it.
    pub(super) bias: Option<Bias>,
    /// Axis of the channels in the result, and the number of axes.
    pub(super) axis: usize,
    pub(super) rank: usize,
    /// Number of channels.
    pub(super) channels: usize,
    /// Nothing that sums follows: these are the results of the network.
    pub(super) last: bool,
    /// Share of the means that stays. Results that are averaged over positions later would all be alike
    /// without them, and would have to be magnified, rounding errors included.
    pub(super) kept: f32,
}

/// The bias of a product.
#[derive(Clone, Debug)]
pub(super) struct Bias {
    pub(super) name: String,
    /// The `Add` that reads it, when it is no input of the product.
    pub(super) added_by: Option<usize>,
}

/// A BatchNormalization whose statistics are measured.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    pub(super) mean: String,
    pub(super) variance: String,
    pub(super) rank: usize,
}

/// All places, by index of the node.
pub(super) struct Sites {
    pub(super) products: HashMap<usize, Product>,
    pub(super) norms: HashMap<usize, Norm>,
    /// The product whose bias an `Add` adds.
    pub(super) adds: HashMap<usize, usize>,
}

impl Sites {
    pub(super) fn of(links: &Links<'_>, plan: &Plan) -> Self {
        let norms: HashMap<usize, Norm> = links
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(index, node)| Some((index, norm(node, plan)?)))
            .collect();
        let mut sites = Self { products: HashMap::new(), norms, adds: HashMap::new() };
        let follows = followed(links, plan, is_sum);
        let averaged = followed(links, plan, is_average);
        for (index, node) in links.nodes.iter().enumerate() {
            let next = links.only_reader(output(node));
            // what is normalised next needs no scale of its own
            if next.is_some_and(|next| sites.norms.contains_key(&next)) {
                continue;
            }
            if let Some(mut product) = product(node, plan) {
                product.last = !follows.contains(output(node));
                product.kept =
                    if product.last && averaged.contains(output(node)) { 0.8 } else { 0.0 };
                if product.bias.is_none()
                    && let Some(next) = next
                    && let Some(bias) = added(links, next, output(node), &product, plan)
                {
                    sites.adds.insert(next, index);
                    product.bias = Some(bias);
                }
                sites.products.insert(index, product);
            }
        }
        sites
    }
}

fn is_product(node: &NodeProto) -> bool {
    matches!(node.op_type.as_str(), "Conv" | "ConvTranspose" | "Gemm" | "MatMul")
}

fn norm(node: &NodeProto, plan: &Plan) -> Option<Norm> {
    if node.op_type != "BatchNormalization" || plan.origin.contains_key(input(node, 0)?) {
        return None;
    }
    let own = |index: usize, role: Role| {
        plan.weight(node, index).filter(|weight| weight.role == role && weight.uses == 1)
    };
    let (mean, variance) = (own(3, Role::Mean)?, own(4, Role::Variance)?);
    let rank = plan.rank(input(node, 0)?).filter(|&rank| rank >= 2)?;
    Some(Norm { mean: mean.name.clone(), variance: variance.name.clone(), rank })
}

fn product(node: &NodeProto, plan: &Plan) -> Option<Product> {
    if !is_product(node) || plan.origin.contains_key(input(node, 0)?) {
        return None;
    }
    let filters = plan.weight(node, 1)?;
    if !matches!(filters.role, Role::Filters { .. }) || filters.uses != 1 {
        return None;
    }
    let value = plan.shapes.get(output(node))?;
    let dims = value.dims.as_ref().filter(|dims| dims.len() >= 2)?;
    let axis = if node.op_type == "MatMul" { dims.len() - 1 } else { 1 };
    let channels = dims[axis].fixed()?;
    // beta scales the bias of a Gemm; those with another than 1 are left without
    let plain = backend::onnx::node::float(node, "beta").is_none_or(|b| (b - 1.0).abs() < 1e-6);
    let bias = plan.weight(node, 2).filter(|bias| fits(bias, channels) && plain);
    if input(node, 2).is_some() && bias.is_none() {
        return None;
    }
    let bias = bias.map(|bias| Bias { name: bias.name.clone(), added_by: None });
    let filters = filters.name.clone();
    Some(Product { filters, bias, axis, rank: dims.len(), channels, last: false, kept: 0.0 })
}

fn fits(weight: &super::roles::Weight, channels: usize) -> bool {
    matches!(weight.role, Role::Bias | Role::Shift)
        && weight.uses == 1
        && weight.dims.iter().product::<usize>() == channels
}

/// The bias that an `Add` right after a product without one adds, when it lies along the channels.
fn added(
    links: &Links<'_>,
    next: usize,
    value: &str,
    product: &Product,
    plan: &Plan,
) -> Option<Bias> {
    let node = links.nodes.get(next).filter(|node| node.op_type == "Add")?;
    let at = usize::from(input(node, 0)? == value);
    let bias = plan.weight(node, at).filter(|bias| fits(bias, product.channels))?;
    // counted from the end, where broadcasting lines up
    let from_end = product.rank - product.axis;
    let dims = plan.shapes.get(input(node, at)?)?.sizes()?;
    let lies = dims.len() >= from_end && dims[dims.len() - from_end] == product.channels;
    lies.then(|| Bias { name: bias.name.clone(), added_by: Some(next) })
}

fn is_sum(node: &NodeProto) -> bool {
    is_product(node)
        || matches!(node.op_type.as_str(), "BatchNormalization" | "LSTM" | "GRU" | "RNN")
}

fn is_average(node: &NodeProto) -> bool {
    matches!(node.op_type.as_str(), "GlobalAveragePool" | "AveragePool" | "ReduceMean")
}

/// Values after which a node of this kind comes.
fn followed<'a>(links: &Links<'a>, plan: &Plan, kind: fn(&NodeProto) -> bool) -> HashSet<&'a str> {
    let mut followed = HashSet::new();
    for node in links.nodes.iter().rev() {
        let later = node.output.iter().any(|output| followed.contains(output.as_str()));
        if kind(node) || later {
            let values = node.input.iter().filter(|name| !plan.origin.contains_key(*name));
            followed.extend(values.map(String::as_str));
        }
    }
    followed
}
