//! Shapes of operators that move a window: convolutions and poolings.

use super::super::node;
use super::Dim;
use super::rules::Call;

/// `Conv`: batch and output channels are kept, each spatial axis shrinks by its window.
pub(super) fn conv(call: &Call<'_>) -> Option<Vec<Dim>> {
    conv_of(call, 0, 1)
}

/// A convolution whose data and filters are these inputs.
pub(super) fn conv_of(call: &Call<'_>, data: usize, filters: usize) -> Option<Vec<Dim>> {
    let (x, w) = (call.dims(data)?, call.dims(filters)?);
    if x.len() != w.len() || x.len() < 3 {
        return None;
    }
    let kernel: Option<Vec<usize>> = w[2..].iter().map(Dim::fixed).collect();
    let window = Window::new(call, kernel, x.len() - 2);
    let mut dims = vec![x[0].clone(), w[0].clone()];
    dims.extend(window.output(&x[2..]));
    Some(dims)
}

/// `ConvTranspose`: the inverse arithmetic. `output_shape` says the result itself; with automatic padding
/// it is the input times the stride, where versions agree.
pub(super) fn conv_transpose(call: &Call<'_>) -> Option<Vec<Dim>> {
    let (x, w) = (call.dims(0)?, call.dims(1)?);
    if x.len() != w.len() || x.len() < 3 {
        return None;
    }
    let rank = x.len() - 2;
    let groups = usize::try_from(node::int(call.node, "group").unwrap_or(1)).ok()?;
    let channels = w[1]
        .fixed()
        .map_or(Dim::Unknown, |m| m.checked_mul(groups).map_or(Dim::Unknown, Dim::Fixed));
    let kernel: Option<Vec<usize>> = w[2..].iter().map(Dim::fixed).collect();
    let window = Window::new(call, kernel, rank);
    let extra = list(call, "output_padding", rank, 0);
    let stated = node::ints(call.node, "output_shape");
    let size = |axis: usize| {
        if let Some(stated) = stated {
            let stated = (stated.len() == rank).then(|| stated.get(axis)).flatten()?;
            return usize::try_from(*stated).ok();
        }
        match window.automatic.as_deref() {
            None | Some("VALID") => {}
            Some(_) => return None,
        }
        let input = x[2 + axis].fixed()?.checked_sub(1)?;
        let spread = window.strides.get(axis)?.checked_mul(input)?;
        let grown = spread.checked_add(window.reach(axis)?)?.checked_add(*extra.get(axis)?)?;
        let padding = if window.automatic.is_none() { window.padding(axis)? } else { 0 };
        grown.checked_sub(padding)
    };
    let mut dims = vec![x[0].clone(), channels];
    dims.extend((0..rank).map(|axis| size(axis).map_or(Dim::Unknown, Dim::Fixed)));
    Some(dims)
}

/// `MaxPool`, `AveragePool`, `LpPool`: channels are kept.
pub(super) fn pool(call: &Call<'_>) -> Option<Vec<Dim>> {
    let x = call.dims(0)?;
    let rank = x.len().checked_sub(2).filter(|&rank| rank > 0)?;
    let kernel = Some(list(call, "kernel_shape", rank, 0)).filter(|kernel| !kernel.contains(&0));
    let mut dims = x[..2].to_vec();
    dims.extend(Window::new(call, kernel, rank).output(&x[2..]));
    Some(dims)
}

/// Global poolings: every spatial axis becomes 1.
pub(super) fn global(call: &Call<'_>) -> Option<Vec<Dim>> {
    let x = call.dims(0)?;
    let spatial = x.len().checked_sub(2)?;
    Some(x[..2].iter().cloned().chain(std::iter::repeat_n(Dim::Fixed(1), spatial)).collect())
}

/// Attributes of a window, one entry per spatial axis.
struct Window {
    kernel: Option<Vec<usize>>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    /// Starts of all axes, then ends.
    pads: Vec<usize>,
    automatic: Option<String>,
    ceiling: bool,
}

impl Window {
    fn new(call: &Call<'_>, kernel: Option<Vec<usize>>, rank: usize) -> Self {
        let automatic = node::text(call.node, "auto_pad").filter(|mode| *mode != "NOTSET");
        Self {
            kernel,
            strides: list(call, "strides", rank, 1),
            dilations: list(call, "dilations", rank, 1),
            pads: list(call, "pads", 2 * rank, 0),
            automatic: automatic.map(str::to_owned),
            ceiling: node::int(call.node, "ceil_mode").unwrap_or(0) != 0,
        }
    }

    fn output(&self, spatial: &[Dim]) -> Vec<Dim> {
        let size = |(axis, dim): (usize, &Dim)| self.size(axis, dim.fixed()?);
        spatial
            .iter()
            .enumerate()
            .map(|entry| size(entry).map_or(Dim::Unknown, Dim::Fixed))
            .collect()
    }

    /// Elements that the dilated kernel covers.
    fn reach(&self, axis: usize) -> Option<usize> {
        let kernel = self.kernel.as_ref()?.get(axis)?.checked_sub(1)?;
        self.dilations.get(axis)?.checked_mul(kernel)?.checked_add(1)
    }

    fn padding(&self, axis: usize) -> Option<usize> {
        self.pads.get(axis)?.checked_add(*self.pads.get(axis + self.pads.len() / 2)?)
    }

    fn size(&self, axis: usize, input: usize) -> Option<usize> {
        let stride = self.strides.get(axis).copied().filter(|&stride| stride > 0)?;
        let padding = match self.automatic.as_deref() {
            Some("SAME_UPPER" | "SAME_LOWER") => return Some(input.div_ceil(stride)),
            Some("VALID") => 0,
            Some(_) => return None,
            None => self.padding(axis)?,
        };
        let free = input.checked_add(padding)?.checked_sub(self.reach(axis)?)?;
        if !self.ceiling {
            return Some(free / stride + 1);
        }
        let size = free.div_ceil(stride) + 1;
        // Engines disagree about a last window that starts in the end padding.
        let starts_inside =
            (size - 1).checked_mul(stride)? < input.checked_add(*self.pads.get(axis)?)?;
        starts_inside.then_some(size)
    }
}

/// A list attribute of non-negative numbers, or its default; empty when it does not fit.
fn list(call: &Call<'_>, name: &str, len: usize, default: usize) -> Vec<usize> {
    match node::ints(call.node, name) {
        None | Some([]) => vec![default; len],
        Some(values) if values.len() == len => {
            let values: Option<Vec<usize>> =
                values.iter().map(|&v| usize::try_from(v).ok()).collect();
            values.unwrap_or_default()
        }
        Some(_) => Vec::new(),
    }
}
