//! A reader of Python's pickle format that runs nothing.
//!
//! The stack machine of the format is small: it pushes values, gathers them into containers, remembers some
//! in a memo, and asks for a global to be called. Here a call is a `match` over an allow-list
//! ([`globals`]). Every step counts against [`Limits`](super::Limits).

mod call;
mod globals;
mod heap;
mod input;
mod opcodes;

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead};

use thiserror::Error;

pub(super) use heap::{Heap, Id, Storage, Tensor, Value};

use super::Limits;
use globals::Global;
use input::Input;

/// Why a pickle cannot be read; the file is known one level up.
#[derive(Debug, Error)]
pub(super) enum PickleError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wrong(String),
    #[error("its list of objects is beyond a limit: {0}")]
    Limit(String),
    #[error("it asks for objects that no list of tensors needs")]
    Refused(Vec<String>),
}

pub(super) type Result<T> = std::result::Result<T, PickleError>;

/// Most refused globals that are named.
const NAMED: usize = 12;

/// Reads one pickle from `reader`, up to and with its `STOP`; what it built is added to `heap`.
pub(super) fn load(reader: &mut dyn BufRead, heap: &mut Heap, limits: &Limits) -> Result<Value> {
    let mut machine = Machine {
        input: Input::new(reader, limits.pickle_bytes),
        heap,
        limits,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        objects: 0,
        refused: BTreeSet::new(),
    };
    let outcome = machine.run();
    if machine.refused.is_empty() {
        outcome
    } else {
        // whatever went wrong after it: that the file asks for such a thing is what must be known
        Err(PickleError::Refused(machine.refused.into_iter().collect()))
    }
}

struct Machine<'a> {
    input: Input<'a>,
    heap: &'a mut Heap,
    limits: &'a Limits,
    stack: Vec<Value>,
    /// Heights of the stack at each `MARK`.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    objects: u64,
    refused: BTreeSet<String>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value> {
        loop {
            let at = self.input.position();
            let opcode = self.input.u8()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode).map_err(|error| match error {
                PickleError::Wrong(what) => {
                    PickleError::Wrong(format!("its list of objects, byte {at}: {what}"))
                }
                other => other,
            })?;
        }
    }

    fn push(&mut self, value: Value) -> Result<()> {
        self.objects += 1;
        if self.objects > self.limits.objects {
            return Err(limit("objects", self.limits.objects));
        }
        if self.stack.len() as u64 >= self.limits.stack {
            return Err(limit("values on its stack", self.limits.stack));
        }
        self.stack.push(value);
        Ok(())
    }

    /// The height below which an operation may not reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Value> {
        let there = self.stack.len() > self.floor();
        let value = there.then(|| self.stack.pop()).flatten();
        value.ok_or_else(|| wrong("nothing on the stack"))
    }

    fn top(&self) -> Result<Value> {
        let there = self.stack.len() > self.floor();
        let value = there.then(|| self.stack.last().copied()).flatten();
        value.ok_or_else(|| wrong("nothing on the stack"))
    }

    fn mark(&mut self) -> Result<()> {
        if self.marks.len() as u64 >= self.limits.depth {
            return Err(limit("open marks", self.limits.depth));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// Everything above the last mark, which goes.
    fn marked(&mut self) -> Result<Vec<Value>> {
        let mark = self.marks.pop().ok_or_else(|| wrong("no mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn last(&mut self, count: usize) -> Result<Vec<Value>> {
        let start = self.stack.len().checked_sub(count).filter(|&start| start >= self.floor());
        let start = start.ok_or_else(|| wrong("too little on the stack"))?;
        Ok(self.stack.split_off(start))
    }

    fn remember(&mut self, key: u32) -> Result<()> {
        let value = self.top()?;
        if self.memo.len() as u64 >= self.limits.memo && !self.memo.contains_key(&key) {
            return Err(limit("remembered values", self.limits.memo));
        }
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<()> {
        let value = self.memo.get(&key).copied();
        let value = value.ok_or_else(|| wrong(format!("value {key} was not remembered")))?;
        self.push(value)
    }

    fn global(&mut self, module: &str, name: &str) -> Value {
        Value::Global(globals::find(module, name).unwrap_or_else(|| {
            if self.refused.len() < NAMED {
                let short = |text: &str| text.chars().take(80).collect::<String>();
                self.refused.insert(format!("{}.{}", short(module), short(name)));
            }
            Global::Refused
        }))
    }
}

fn wrong(what: impl Into<String>) -> PickleError {
    PickleError::Wrong(what.into())
}

fn limit(what: &str, most: u64) -> PickleError {
    PickleError::Limit(format!("more than {most} {what}"))
}
