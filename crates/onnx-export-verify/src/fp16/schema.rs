//! Which types each operator takes and gives, by operator set: the ONNX operator schemas as a table.

use std::collections::HashMap;
use std::sync::OnceLock;

use backend::onnx::proto::DataType;

/// Offset of the element type of a sequence of tensors; twice that for an optional value.
pub(super) const SEQUENCE: i32 = 1000;

/// The schema of one operator from one operator set on.
#[derive(Debug)]
pub(super) struct Schema {
    since: i64,
    /// Letters of the types that each type variable may stand for.
    variables: Vec<&'static str>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// An input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// What stands there.
    pub(super) kind: Kind,
    /// Whether the last port stands for any number of values.
    repeats: bool,
    /// Whether those values may differ in type.
    pub(super) mixed: bool,
}

/// What type a port has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// That of a type variable.
    Variable(usize),
    /// One type, by its letter.
    Fixed(u8),
}

impl Schema {
    /// The schema of an operator of the default set; `None` when there is none.
    pub(super) fn of(op_type: &str, opset: i64) -> Option<&'static Self> {
        static TABLE: OnceLock<HashMap<&'static str, Vec<Schema>>> = OnceLock::new();
        let versions = TABLE.get_or_init(table).get(op_type)?;
        versions.iter().rev().find(|schema| schema.since <= opset)
    }

    /// Whether any operator set has this operator.
    pub(super) fn exists(op_type: &str) -> bool {
        Self::of(op_type, i64::MAX).is_some()
    }

    /// The input at a position.
    pub(super) fn input(&self, index: usize) -> Option<Port> {
        port(&self.inputs, index)
    }

    /// The output at a position.
    pub(super) fn output(&self, index: usize) -> Option<Port> {
        port(&self.outputs, index)
    }

    /// Number of type variables.
    pub(super) fn variables(&self) -> usize {
        self.variables.len()
    }

    /// Whether a port may have an element type.
    pub(super) fn takes(&self, port: Port, element: i32) -> bool {
        let letter = letter(element);
        match port.kind {
            Kind::Variable(index) => self.variables[index].as_bytes().contains(&letter),
            Kind::Fixed(fixed) => fixed == letter,
        }
    }

    /// The type of a port that can have only one; 0 for any other.
    pub(super) fn only(&self, port: Port) -> i32 {
        match port.kind {
            Kind::Fixed(letter) => element(letter),
            Kind::Variable(index) => match self.variables[index].as_bytes() {
                [letter] => element(*letter),
                _ => 0,
            },
        }
    }

    /// Whether any port holds something else than a tensor and nothing but that.
    pub(super) fn holds_sequences(&self) -> bool {
        let only = |port: &Port| match port.kind {
            Kind::Variable(index) => self.variables[index] == "q",
            Kind::Fixed(letter) => letter == b'q',
        };
        self.inputs.iter().chain(&self.outputs).any(only)
    }
}

fn port(ports: &[Port], index: usize) -> Option<Port> {
    ports.get(index).or_else(|| ports.last().filter(|port| port.repeats)).copied()
}

/// The letter of an element type in the table.
fn letter(element: i32) -> u8 {
    match DataType::try_from(element) {
        _ if element >= SEQUENCE => b'q',
        Ok(DataType::Float16) => b'h',
        Ok(DataType::Float) => b'f',
        Ok(DataType::Bfloat16) => b'b',
        Ok(DataType::Double) => b'd',
        Ok(DataType::Int64) => b'l',
        Ok(DataType::Int32) => b'i',
        Ok(DataType::Int8) => b'c',
        Ok(DataType::Uint8) => b'u',
        Ok(DataType::Bool) => b'B',
        Ok(DataType::String) => b's',
        _ => b'o',
    }
}

fn element(letter: u8) -> i32 {
    let element = match letter {
        b'h' => DataType::Float16,
        b'f' => DataType::Float,
        b'b' => DataType::Bfloat16,
        b'd' => DataType::Double,
        b'l' => DataType::Int64,
        b'i' => DataType::Int32,
        b'c' => DataType::Int8,
        b'u' => DataType::Uint8,
        b'B' => DataType::Bool,
        b's' => DataType::String,
        _ => DataType::Undefined,
    };
    element as i32
}

fn table() -> HashMap<&'static str, Vec<Schema>> {
    let mut table: HashMap<&'static str, Vec<Schema>> = HashMap::new();
    let lines = include_str!("operators.txt").lines().filter(|line| !line.starts_with('#'));
    for (op_type, schema) in lines.filter_map(read) {
        table.entry(op_type).or_default().push(schema);
    }
    table
}

/// One line of the table; versions of an operator stand in ascending order.
fn read(line: &'static str) -> Option<(&'static str, Schema)> {
    let mut fields = line.split('|');
    let (op_type, since) = fields.next()?.split_once(' ')?;
    let (names, variables): (Vec<&str>, Vec<&str>) =
        fields.next()?.split_whitespace().filter_map(|variable| variable.split_once(':')).unzip();
    let mut ports = || -> Option<Vec<Port>> {
        fields.next()?.split_whitespace().map(|text| read_port(text, &names)).collect()
    };
    let (inputs, outputs) = (ports()?, ports()?);
    Some((op_type, Schema { since: since.parse().ok()?, variables, inputs, outputs }))
}

fn read_port(text: &str, variables: &[&str]) -> Option<Port> {
    let name = text.trim_end_matches(['*', '+']);
    let kind = match name.strip_prefix('=') {
        Some(letter) => Kind::Fixed(*letter.as_bytes().first()?),
        None => Kind::Variable(variables.iter().position(|variable| *variable == name)?),
    };
    Some(Port { kind, repeats: name != text, mixed: text.ends_with('+') })
}

#[cfg(test)]
mod tests {
    use super::*;

    const F16: i32 = DataType::Float16 as i32;

    #[test]
    fn every_line_is_read() {
        let lines = include_str!("operators.txt").lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            assert!(read(line).is_some(), "{line}");
        }
    }

    #[test]
    fn the_operator_set_decides() {
        let takes = |op: &str, opset: i64, index: usize, element: i32| {
            let schema = Schema::of(op, opset).unwrap();
            schema.takes(schema.input(index).unwrap(), element)
        };
        assert!(takes("Conv", 17, 0, F16) && !takes("Celu", 12, 0, F16));
        assert!(!takes("QuantizeLinear", 13, 0, F16) && takes("QuantizeLinear", 19, 0, F16));
        assert!(takes("Resize", 13, 0, F16) && !takes("Resize", 13, 2, F16));
        assert!(takes("Concat", 13, 7, F16), "the last input repeats");
        assert!(Schema::of("Gelu", 19).is_none() && Schema::of("Gelu", 20).is_some());
        assert!(Schema::of("Frobnicate", 20).is_none());
        assert!(Schema::of("SequenceAt", 11).unwrap().holds_sequences());
        assert!(!Schema::of("Identity", 16).unwrap().holds_sequences());
    }
}
