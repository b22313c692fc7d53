//! The ONNX parser and every error it reports.

use std::fmt;

/// One error of the ONNX parser (`IParserError`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParserError {
    /// `ErrorCode` of the parser; [`ParserError::kind`] names it.
    pub code: i32,
    /// What is wrong.
    pub description: String,
    /// Index of the ONNX node, −1 where the error is not about one.
    pub node: i32,
    /// The node's name.
    pub node_name: String,
    /// The node's operator type.
    pub operator: String,
    /// The source file of the parser that reported it.
    pub file: String,
    /// The line there.
    pub line: i32,
    /// The function there.
    pub function: String,
}

impl ParserError {
    /// The code in words.
    pub fn kind(&self) -> &'static str {
        const KINDS: [&str; 15] = [
            "success",
            "internal error",
            "memory allocation failed",
            "the model cannot be deserialised",
            "invalid value",
            "invalid graph",
            "invalid node",
            "unsupported graph",
            "unsupported node",
            "unsupported attribute of a node",
            "unsupported input of a node",
            "unsupported data type of a node",
            "unsupported dynamic node",
            "unsupported shape of a node",
            "refit failed",
        ];
        usize::try_from(self.code).ok().and_then(|code| KINDS.get(code)).unwrap_or(&"unknown error")
    }
}

impl fmt::Display for ParserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {}): {}", self.kind(), self.code, self.description)?;
        if self.node >= 0 && !(self.operator.is_empty() && self.node_name.is_empty()) {
            write!(f, " at node {}", self.node)?;
            write!(f, " {:?} of type {:?}", self.node_name, self.operator)?;
        }
        if !self.file.is_empty() {
            write!(f, " [{}:{}", self.file, self.line)?;
            if !self.function.is_empty() {
                write!(f, " {}", self.function)?;
            }
            f.write_str("]")?;
        }
        Ok(())
    }
}
