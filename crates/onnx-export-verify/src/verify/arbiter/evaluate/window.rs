//! Windows that slide over space: kernel, strides, dilations and pads of convolution and pooling.

use super::Answer;
use super::call::Call;
use super::tensor::{count, indices, strides};

/// A window over the dimensions behind batch and channel.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Sizes of the space that is read.
    pub(super) space: Vec<usize>,
    /// Sizes of the window.
    pub(super) kernel: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) dilations: Vec<usize>,
    /// Added in front.
    pub(super) front: Vec<usize>,
    /// Added behind.
    pub(super) behind: Vec<usize>,
    /// Sizes of the space that is written.
    pub(super) out: Vec<usize>,
}

fn sizes(call: &Call<'_>, name: &str, n: usize, default: usize) -> Answer<Vec<usize>> {
    let Some(list) = call.ints(name) else { return Ok(vec![default; n]) };
    let sizes: Option<Vec<usize>> = list.iter().map(|&v| usize::try_from(v).ok()).collect();
    let sizes = sizes.filter(|sizes| sizes.len() == n && sizes.iter().all(|&v| v < 1 << 24));
    sizes.ok_or_else(|| format!("{} has {name} {list:?}", call.op()))
}

impl Window {
    /// Reads the attributes of a call.
    pub(super) fn of(call: &Call<'_>, space: &[usize], kernel: Vec<usize>) -> Answer<Self> {
        let n = space.len();
        if kernel.len() != n || kernel.contains(&0) {
            return Err(format!("{} has a kernel {kernel:?} for {n} dimensions", call.op()));
        }
        let steps = sizes(call, "strides", n, 1)?;
        let dilations = sizes(call, "dilations", n, 1)?;
        if steps.contains(&0) || dilations.contains(&0) {
            return call.refuse("a step of zero");
        }
        let mut window = Self {
            space: space.to_vec(),
            kernel,
            strides: steps,
            dilations,
            front: vec![0; n],
            behind: vec![0; n],
            out: vec![0; n],
        };
        window.place(call)?;
        count(&window.out)?;
        Ok(window)
    }

    /// What the window covers along an axis.
    pub(super) fn reach(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilations[axis] + 1
    }

    fn place(&mut self, call: &Call<'_>) -> Answer<()> {
        let n = self.space.len();
        match call.text("auto_pad", "NOTSET") {
            "NOTSET" | "" => {
                let pads = sizes(call, "pads", 2 * n, 0)?;
                self.front.copy_from_slice(&pads[..n]);
                self.behind.copy_from_slice(&pads[n..]);
            }
            "VALID" => {}
            same @ ("SAME_UPPER" | "SAME_LOWER") => {
                for axis in 0..n {
                    let out = self.space[axis].div_ceil(self.strides[axis]);
                    let needed = (out.max(1) - 1) * self.strides[axis] + self.reach(axis);
                    let total = needed.saturating_sub(self.space[axis]);
                    // an odd one stands behind for UPPER, in front for LOWER
                    let less = total / 2;
                    let (front, behind) = if same == "SAME_UPPER" {
                        (less, total - less)
                    } else {
                        (total - less, less)
                    };
                    (self.front[axis], self.behind[axis]) = (front, behind);
                }
            }
            other => return call.refuse(other),
        }
        let rounds_up = call.int("ceil_mode", 0) != 0;
        for axis in 0..n {
            let (space, front, behind) = (self.space[axis], self.front[axis], self.behind[axis]);
            let Some(free) = (space + front + behind).checked_sub(self.reach(axis)) else {
                return call.refuse("a window larger than its space");
            };
            let step = self.strides[axis];
            let mut out = if rounds_up { free.div_ceil(step) } else { free / step } + 1;
            // a window that begins beyond the input and its front is none
            if rounds_up && (out - 1) * step >= space + front {
                out -= 1;
            }
            self.out[axis] = out;
        }
        Ok(())
    }

    /// For each position of the kernel and each position of the output, the place in the space that is read;
    /// `None` in the pads. Calls `f` once for each position of the kernel.
    pub(super) fn each(&self, mut f: impl FnMut(usize, &[Option<usize>])) {
        let own = strides(&self.space);
        let outs: Vec<Vec<usize>> = indices(&self.out).collect();
        for (k, kernel) in indices(&self.kernel).enumerate() {
            let place = |out: &Vec<usize>| {
                out.iter().enumerate().try_fold(0, |at, (axis, &o)| {
                    let padded = o * self.strides[axis] + kernel[axis] * self.dilations[axis];
                    let inside = padded.checked_sub(self.front[axis])?;
                    (inside < self.space[axis]).then(|| at + inside * own[axis])
                })
            };
            let places: Vec<Option<usize>> = outs.iter().map(place).collect();
            f(k, &places);
        }
    }
}
