//! An inspection as tables that fit a terminal of 100 columns.

use super::device::Device;
use super::roofline::{Bound, Layer, Roofline};
use super::{Inspection, Sums};
use backend::onnx::cost::Cost;

/// All lines: the model, its operators by type, each operator, the roofline.
pub(super) fn lines(inspection: &Inspection) -> Vec<String> {
    let mut lines = facts(inspection);
    lines.push(String::new());
    lines.extend(types(inspection));
    lines.push(String::new());
    lines.extend(layers(inspection));
    if let Some((device, roofline)) = &inspection.roofline {
        lines.push(String::new());
        lines.extend(bounds(device, roofline, inspection));
    }
    lines
}

fn facts(inspection: &Inspection) -> Vec<String> {
    let sums = inspection.sums();
    let unknown = |what: &str| format!("{what} unknown: {}", reason(inspection));
    let flops = sums.flops.map_or_else(
        || unknown("operations"),
        |n| {
            let (gflop, gmac) = (n as f64 / 1e9, n as f64 / 2e9);
            format!("{gflop:.3} GFLOP = {gmac:.3} GMAC (a multiply-add counts 2)")
        },
    );
    let activations = sums.activations.map_or_else(
        || unknown("bytes"),
        |n| format!("{} bytes read and written when nothing is fused", grouped(n)),
    );
    let intensity = sums.intensity().map_or_else(
        || "unknown".to_owned(),
        |flops| format!("{flops:.1} FLOP/byte (weights and activations)"),
    );
    let rows = [
        ("digest", inspection.digest.clone()),
        ("producer", inspection.producer.clone()),
        ("opset", format!("{} (file format {})", inspection.opset, inspection.ir_version)),
        ("precision", inspection.precision.clone()),
        ("inputs", inspection.inputs.join(", ")),
        ("outputs", inspection.outputs.join(", ")),
        ("parameters", grouped(inspection.parameters)),
        ("weights", format!("{} bytes", grouped(inspection.weight_bytes))),
        ("activations", activations),
        ("operations", flops),
        ("intensity", intensity),
        ("operators", grouped(sums.count)),
    ];
    rows.into_iter()
        .map(|(name, value)| format!("{name:<12}{value}").trim_end().to_owned())
        .collect()
}

/// Why a sum is unknown.
fn reason(inspection: &Inspection) -> String {
    let unknown = |cost: &&Cost| cost.flops.is_none() || cost.activation_bytes.is_none();
    let Some(first) = inspection.layers.iter().find(unknown) else {
        return "it does not fit".to_owned();
    };
    let count = inspection.layers.iter().filter(unknown).count();
    let open = inspection.inputs.iter().any(|input| input.contains('?') || has_symbol(input));
    let hint = if open { "; give the inputs a size with --shape" } else { "" };
    format!("{count} operators, {} ({}) first{hint}", first.operator, first.op_type)
}

/// Whether a description `name: f32[n,3]` holds a dimension that is no number.
fn has_symbol(input: &str) -> bool {
    let dims = input.rsplit_once('[').map_or("", |(_, dims)| dims.trim_end_matches(']'));
    dims.split(',').any(|dim| !dim.is_empty() && dim.parse::<u64>().is_err())
}

fn types(inspection: &Inspection) -> Vec<String> {
    let all = inspection.sums();
    let header = format!(
        "{:<24} {:>6} {:>12} {:>7} {:>12} {:>14} {:>9}",
        "type", "count", "MFLOP", "share", "weights kB", "activations kB", "FLOP/B"
    );
    let row = |name: &str, sums: &Sums| {
        let share = match (sums.flops, all.flops) {
            (Some(part), Some(all)) if all > 0 => {
                format!("{:.1} %", part as f64 / all as f64 * 100.0)
            }
            _ => String::new(),
        };
        format!(
            "{:<24} {:>6} {:>12} {share:>7} {:>12} {:>14} {:>9}",
            tail(name, 24),
            sums.count,
            scaled(sums.flops, 1e6),
            scaled(Some(sums.weights), 1e3),
            scaled(sums.activations, 1e3),
            sums.intensity().map_or_else(|| "-".to_owned(), |value| format!("{value:.1}")),
        )
    };
    let mut lines = vec![header];
    lines.extend(inspection.by_type().iter().map(|(name, sums)| row(name, sums)));
    lines.push(row("all", &all));
    lines
}

fn layers(inspection: &Inspection) -> Vec<String> {
    let times = inspection.roofline.as_ref().map(|(_, roofline)| &roofline.layers);
    let mut header = format!(
        "{:<27} {:<11} {:<13} {:>8} {:>8} {:>8} {:>6}",
        "operator", "type", "output", "MFLOP", "wgt kB", "act kB", "FLOP/B"
    );
    if times.is_some() {
        header.push_str("       µs by");
    }
    let row = |(index, cost): (usize, &Cost)| {
        let mut line = format!(
            "{:<27} {:<11} {:<13} {:>8} {:>8} {:>8} {:>6}",
            tail(&cost.operator, 27),
            head(&cost.op_type, 11),
            head(cost.outputs.first().map_or("", String::as_str), 13),
            scaled(cost.flops, 1e6),
            scaled(Some(cost.weight_bytes), 1e3),
            scaled(cost.activation_bytes, 1e3),
            cost.intensity().map_or_else(|| "-".to_owned(), |value| format!("{value:.1}")),
        );
        if let Some(times) = times {
            line.push_str(&time(times.get(index).copied().flatten()));
        }
        line
    };
    let mut lines = vec![header];
    lines.extend(inspection.layers.iter().enumerate().map(row));
    lines
}

fn time(layer: Option<Layer>) -> String {
    let Some(layer) = layer else { return format!(" {:>8}", "-") };
    let by = match layer.bound() {
        Bound::Compute => "ops",
        Bound::Memory => "mem",
        Bound::Neither => "",
    };
    format!(" {:>8.2} {by}", layer.floor() * 1e6).trim_end().to_owned()
}

fn bounds(device: &Device, roofline: &Roofline, inspection: &Inspection) -> Vec<String> {
    let float32 = if inspection.tf32 && device.tf32 > device.fp32 {
        format!("{:.1} in float32 as TF32", device.tf32 / 1e12)
    } else {
        format!("{:.1} in float32", if inspection.tf32 { device.tf32 } else { device.fp32 } / 1e12)
    };
    let bound = |name: &str, seconds: f64| {
        let rate = if seconds > 0.0 { format!("{:.0}", 1.0 / seconds) } else { "-".to_owned() };
        format!("{name:<12}{}, at most {rate} inferences/s", duration(seconds))
    };
    let held = |bound: Bound| {
        let layers = roofline.layers.iter().flatten().filter(|layer| layer.bound() == bound);
        layers.fold(0.0, |sum, layer| sum + layer.floor()) / roofline.unfused.max(f64::MIN_POSITIVE)
    };
    let mut lines = vec![
        format!("{:<12}{}", "device", device.name),
        format!("{:<12}{}", "", device.source),
        format!(
            "{:<12}{float32}, {:.1} in float16, {:.1} in int8 TFLOP/s; {:.1} GB/s",
            "peaks",
            device.fp16 / 1e12,
            device.int8 / 1e12,
            device.bandwidth / 1e9
        ),
        bound("no fusion", roofline.unfused),
        format!(
            "            every activation written and read again; operations and bytes of one operator\n            overlap perfectly; {:.0} % of the time is bound by memory, {:.0} % by operations",
            held(Bound::Memory) * 100.0,
            held(Bound::Compute) * 100.0
        ),
        bound("fused", roofline.fused()),
        format!(
            "            all operations {}; weights, inputs and outputs moved once {}:\n            no engine is faster with these types and weights",
            duration(roofline.compute),
            duration(roofline.memory)
        ),
    ];
    if roofline.unknown > 0 {
        lines.push(format!("left out    {} operators of unknown cost", roofline.unknown));
    }
    lines
}

/// Milliseconds, or microseconds where they would be all zeros.
fn duration(seconds: f64) -> String {
    if seconds >= 1e-5 || seconds == 0.0 {
        format!("{:.4} ms", seconds * 1e3)
    } else {
        format!("{:.4} µs", seconds * 1e6)
    }
}

/// A number in millions or thousands, with as many decimals as fit six characters.
fn scaled(value: Option<u64>, unit: f64) -> String {
    match value.map(|value| value as f64 / unit) {
        None => "?".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) if value < 10.0 => format!("{value:.3}"),
        Some(value) if value < 1000.0 => format!("{value:.1}"),
        Some(value) if value < 1e7 => grouped(value.round() as u64),
        Some(value) => format!("{value:.2e}"),
    }
}

/// The end of a text, which tells more of a path of modules than its start.
fn tail(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    std::iter::once('…').chain(text.chars().skip(count - width + 1)).collect()
}

fn head(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(std::iter::once('…')).collect()
}

/// `25557032` → `25,557,032`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_scaled() {
        assert_eq!(grouped(25_557_032), "25,557,032");
        assert_eq!((grouped(7), grouped(1000)), ("7".into(), "1,000".into()));
        assert_eq!(scaled(Some(8_178_368_512), 1e6), "8,178");
        assert_eq!(scaled(Some(256), 1e3), "0.256");
        assert_eq!(scaled(Some(u64::MAX), 1e3), "1.84e16");
        assert_eq!((scaled(None, 1.0), scaled(Some(0), 1.0)), ("?".into(), "0".into()));
    }

    #[test]
    fn long_names_keep_what_tells_them_apart() {
        assert_eq!(tail("/layer4/layer4.2/conv3/Conv", 11), "…conv3/Conv");
        assert_eq!(tail("ääääää", 3), "…ää");
        assert_eq!(head("DequantizeLinear", 11), "Dequantize…");
        assert!(has_symbol("x: f32[n,3]") && has_symbol("x: f32[?]"));
        assert!(!has_symbol("x: f32[1,3]") && !has_symbol("x: f32[]"));
    }
}
