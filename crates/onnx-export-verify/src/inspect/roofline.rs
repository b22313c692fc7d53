//! The least time that a device needs for a model, layer by layer. Pure: costs and a device to times.
//!
//! Two bounds. *Without fusion* every operator takes the longer of its operations at the peak of its type and
//! its bytes at the bandwidth of memory, both overlapping perfectly, one operator after the other. An engine
//! that fuses operators, or keeps activations in the caches of the chip, may be faster than this. *Fused* is the
//! bound that no engine can beat without changing types or weights: all operations at their peaks, or all weights
//! read once and the model's own inputs and outputs moved once, whichever takes longer.

use backend::onnx::cost::Cost;

use super::device::Device;

/// What holds an operator back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Its operations take longer than its bytes.
    Compute,
    /// Its bytes take longer.
    Memory,
    /// It does nothing that takes time.
    Neither,
}

impl Bound {
    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Memory => "memory",
            Self::Neither => "none",
        }
    }
}

/// Times of one operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// Seconds of its operations.
    pub compute: f64,
    /// Seconds of its bytes.
    pub memory: f64,
}

impl Layer {
    /// The longer of the two.
    pub fn floor(self) -> f64 {
        self.compute.max(self.memory)
    }

    /// Which of the two is longer.
    pub fn bound(self) -> Bound {
        match (self.compute, self.memory) {
            (compute, memory) if compute == 0.0 && memory == 0.0 => Bound::Neither,
            (compute, memory) if compute > memory => Bound::Compute,
            _ => Bound::Memory,
        }
    }
}

/// The roofline of a model on a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Roofline {
    /// Each operator; `None` where its cost is unknown.
    pub layers: Vec<Option<Layer>>,
    /// Seconds of all operators that are known, one after the other, nothing fused.
    pub unfused: f64,
    /// Seconds of all operations at their peaks.
    pub compute: f64,
    /// Seconds of all weights, inputs and outputs of the model.
    pub memory: f64,
    /// Operators whose cost is unknown: with any, the bounds hold but leave those out.
    pub unknown: usize,
}

impl Roofline {
    /// Computes it. `once` are the bytes that even a wholly fused engine moves: weights, inputs and outputs.
    pub fn of(costs: &[Cost], once: u64, device: &Device, tf32: bool) -> Self {
        let layer = |cost: &Cost| {
            Some(Layer {
                compute: cost.flops? as f64 / device.peak(cost.element, tf32),
                memory: cost.bytes()? as f64 / device.bandwidth,
            })
        };
        let layers: Vec<Option<Layer>> = costs.iter().map(layer).collect();
        let known = || layers.iter().flatten();
        Self {
            unfused: known().map(|layer| layer.floor()).sum(),
            compute: known().map(|layer| layer.compute).sum(),
            memory: once as f64 / device.bandwidth,
            unknown: layers.iter().filter(|layer| layer.is_none()).count(),
            layers,
        }
    }

    /// The bound that fusion cannot beat, in seconds.
    pub fn fused(&self) -> f64 {
        self.compute.max(self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(flops: Option<u64>, weights: u64, activations: u64) -> Cost {
        Cost {
            operator: "o".into(),
            op_type: "Conv".into(),
            inputs: vec![],
            outputs: vec![],
            element: 1,
            flops,
            weight_bytes: weights,
            activation_bytes: Some(activations),
        }
    }

    #[test]
    fn the_longer_side_counts() {
        // 1 TFLOP/s and 1 GB/s
        let device = Device::of_user(1.0, 1.0);
        let costs = [
            cost(Some(3_000_000_000), 1_000_000, 1_000_000), // 3 ms against 2 ms
            cost(Some(1_000_000_000), 1_000_000, 4_000_000), // 1 ms against 5 ms
            cost(Some(0), 0, 0),
            cost(None, 0, 0),
        ];
        let roofline = Roofline::of(&costs, 2_500_000, &device, true);
        let bounds: Vec<_> = roofline.layers.iter().map(|l| l.map(Layer::bound)).collect();
        assert_eq!(bounds, [Some(Bound::Compute), Some(Bound::Memory), Some(Bound::Neither), None]);
        assert!((roofline.unfused - 0.008).abs() < 1e-12);
        // 4 ms of operations against 2.5 ms of weights and I/O
        assert!((roofline.fused() - 0.004).abs() < 1e-12);
        assert_eq!(roofline.unknown, 1);
    }
}
