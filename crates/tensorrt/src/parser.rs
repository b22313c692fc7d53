//! The ONNX parser and every error it reports.

use std::ffi::c_int;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crate::abi::Ptr;
use crate::abi::call::{Bool, call, good};
use crate::abi::enums::Severity;
use crate::error::{Error, Result};
use crate::library::{Library, text};
use crate::network::Network;

/// More errors than this are counted and not copied.
const MOST_ERRORS: i32 = 256;

/// Reads ONNX into a network (`nvonnxparser::IParser`).
///
/// What it read stays with the network, so this may go before the network is built.
pub struct OnnxParser<'n, 'b> {
    network: &'n mut Network<'b>,
    object: Ptr,
}

impl<'n, 'b> OnnxParser<'n, 'b> {
    /// A parser that fills `network`. Its library is the one beside TensorRT's, or the one that
    /// `TENSORRT_ONNXPARSER_LIB` names.
    ///
    /// # Errors
    /// Where the parser's library is not there or refuses.
    pub fn new(network: &'n mut Network<'b>) -> Result<Self> {
        let library = network.owned().library().clone();
        let log = network.owned().logger();
        // SAFETY: the network lives, and keeps the parser that it drops first.
        let object = unsafe { library.make_parser(network.object(), log)? };
        network.keep(ParserObject { object, library });
        Ok(Self { network, object })
    }

    /// Reads a model from memory. `path` says where its external data lie, if it has any.
    ///
    /// # Errors
    /// [`Error::Parse`] with all errors, and [`Error::EmptyModel`] where nothing was wrong, but there
    /// is no output: the bytes of other files may be a valid, empty model.
    pub fn parse(&mut self, model: &[u8], path: Option<&Path>) -> Result<()> {
        let path = path.map(c_path).transpose()?;
        let path = path.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
        let slot = self.slots().parser.parse;
        // SAFETY: a living `IParser`; model and path live during the call, and it copies what it
        // keeps.
        self.run("parse", |this| unsafe {
            call!(this, slot, model.as_ptr().cast(), model.len(), path)
        })
    }

    /// Reads a model from a file, with its external data beside it.
    ///
    /// # Errors
    /// As [`OnnxParser::parse`].
    pub fn parse_from_file(&mut self, path: &Path) -> Result<()> {
        let path = c_path(path)?;
        let slot = self.slots().parser.parse_from_file;
        // SAFETY: a living `IParser`; the path lives during the call.
        self.run("parseFromFile", |this| unsafe {
            call!(this, slot, path.as_ptr(), Severity::WARNING.0)
        })
    }

    /// Whether the parser knows an ONNX operator; it may still refuse a use of it.
    ///
    /// # Errors
    /// Where the name has a zero byte.
    pub fn supports_operator(&self, operator: &str) -> Result<bool> {
        let name = crate::profile::name(operator)?;
        // SAFETY: a living `IParser`; the name lives during the call.
        let known =
            unsafe { call!(self.object, self.slots().parser.supports_operator, name.as_ptr()) };
        Ok(known.is_true())
    }

    fn slots(&self) -> &crate::abi::Slots {
        self.network.owned().slots()
    }

    fn run(&mut self, call: &'static str, parse: impl FnOnce(Ptr) -> Bool) -> Result<()> {
        let logger = Arc::clone(self.network.owned().logger());
        self.network.set_broken(true);
        let mark = logger.mark();
        let parsed = parse(self.object).is_true();
        let errors = self.errors();
        if !errors.is_empty() {
            return Err(Error::Parse(errors));
        }
        if !parsed {
            return Err(Error::Call { call, reason: logger.reason(mark) });
        }
        self.network.not_empty()?;
        self.network.set_broken(false);
        Ok(())
    }

    fn errors(&self) -> Vec<ParserError> {
        let slots = self.slots().parser;
        // SAFETY: a living `IParser`.
        let count = unsafe { call!(self.object, slots.get_nb_errors) };
        // SAFETY: a living `IParser`, and an index below its count.
        let error = |index: c_int| good(unsafe { call!(self.object, slots.get_error, index) });
        // SAFETY: what the parser gives there is an `IParserError` of its own.
        (0..count.min(MOST_ERRORS)).filter_map(error).map(|at| unsafe { self.error(at) }).collect()
    }

    /// # Safety
    /// `this` is an `IParserError` of this parser.
    unsafe fn error(&self, this: Ptr) -> ParserError {
        let slots = self.slots().parser_error;
        // SAFETY: the methods take nothing; the parser owns the strings.
        unsafe {
            ParserError {
                code: call!(this, slots.code),
                description: text(call!(this, slots.desc)).unwrap_or_default(),
                node: call!(this, slots.node),
                node_name: text(call!(this, slots.node_name)).unwrap_or_default(),
                operator: text(call!(this, slots.node_operator)).unwrap_or_default(),
                file: text(call!(this, slots.file)).unwrap_or_default(),
                line: call!(this, slots.line),
                function: text(call!(this, slots.func)).unwrap_or_default(),
            }
        }
    }
}

impl fmt::Debug for OnnxParser<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ONNX parser of {:?}", self.network)
    }
}

/// A parser; it is deleted through its own table, and before its network.
pub(crate) struct ParserObject {
    object: Ptr,
    library: Library,
}

impl Drop for ParserObject {
    fn drop(&mut self) {
        let slot = self.library.slots().parser.delete;
        // SAFETY: the parser is ours (`OnnxParser::new`), and its handle borrows the network that
        // keeps it.
        unsafe { call!(self.object, slot) }
    }
}

fn c_path(path: &Path) -> Result<std::ffi::CString> {
    std::ffi::CString::new(path.as_os_str().as_bytes())
        .map_err(|error| Error::Argument { what: format!("{}: {error}", path.display()) })
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_what_where_and_from_which_line() {
        let error = ParserError {
            code: 8,
            description: "no plugin for it".to_owned(),
            node: 3,
            node_name: "conv".to_owned(),
            operator: "Foo".to_owned(),
            file: "ModelImporter.cpp".to_owned(),
            line: 42,
            function: "parse".to_owned(),
        };
        assert_eq!(
            error.to_string(),
            "unsupported node (code 8): no plugin for it at node 3 \"conv\" of type \"Foo\" \
             [ModelImporter.cpp:42 parse]"
        );
        let bare = ParserError { code: 99, node: -1, ..ParserError::default() };
        assert_eq!(bare.to_string(), "unknown error (code 99): ");
        let both = Error::Parse(vec![error, bare]).to_string();
        assert!(both.starts_with("the ONNX parser refused the model: unsupported node"), "{both}");
        assert!(both.ends_with("; unknown error (code 99): "), "{both}");
    }

    #[test]
    fn a_path_with_a_zero_byte_is_an_argument() {
        assert!(matches!(c_path(Path::new("a\0b")), Err(Error::Argument { .. })));
    }
}
