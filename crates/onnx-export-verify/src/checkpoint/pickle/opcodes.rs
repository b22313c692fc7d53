//! The opcodes of protocols 0 to 5.

use super::heap::Value;
use super::input::text;
use super::{Machine, PickleError, Result, wrong};

impl Machine<'_> {
    /// One opcode; `STOP` is the caller's.
    pub(super) fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            0x80 => self.protocol(),
            // frames only tell how much to read ahead
            0x95 => self.input.u64().map(drop),
            b'(' => self.mark(),
            b'0' => self.discard(),
            b'1' => self.marked().map(drop),
            b'2' => {
                let value = self.top()?;
                self.push(value)
            }
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.memo(opcode),
            b'c' | 0x93 | b'R' | b'b' | b'i' | b'o' | 0x81 | 0x92 | b'Q' => self.object(opcode),
            b']' | b'l' | b'a' | b'e' | b')' | b't' | 0x85..=0x87 | 0x8f | 0x90 | 0x91 => {
                self.sequence(opcode)
            }
            b'}' | b'd' | b's' | b'u' => self.dictionary(opcode),
            _ => {
                let value = self.plain(opcode)?;
                self.push(value)
            }
        }
    }

    fn protocol(&mut self) -> Result<()> {
        match self.input.u8()? {
            0..=5 => Ok(()),
            version => Err(wrong(format!("pickle protocol {version} is not known"))),
        }
    }

    fn discard(&mut self) -> Result<()> {
        // as in Python: a mark on top of the stack is popped too
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    fn memo(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            b'q' => {
                let key = self.input.u8()?;
                self.remember(key.into())
            }
            b'r' => {
                let key = self.input.u32()?;
                self.remember(key)
            }
            b'p' => {
                let key = number(&self.input.line()?)?;
                self.remember(key)
            }
            0x94 => self.remember(self.memo.len() as u32),
            b'h' => {
                let key = self.input.u8()?;
                self.recall(key.into())
            }
            b'j' => {
                let key = self.input.u32()?;
                self.recall(key)
            }
            _ => {
                let key = number(&self.input.line()?)?;
                self.recall(key)
            }
        }
    }

    fn sequence(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            b'a' => {
                let item = self.pop()?;
                return self.extend(vec![item]);
            }
            b'e' | 0x90 => {
                let items = self.marked()?;
                return self.extend(items);
            }
            _ => {}
        }
        let items = match opcode {
            b']' | b')' | 0x8f => Vec::new(),
            0x85..=0x87 => self.last(usize::from(opcode - 0x84))?,
            _ => self.marked()?,
        };
        let value = self.heap.new_sequence(items);
        self.push(value)
    }

    fn extend(&mut self, items: Vec<Value>) -> Result<()> {
        match self.top()? {
            Value::Sequence(id) => {
                if let Some(list) = self.heap.sequences.get_mut(id) {
                    list.extend(items);
                }
                Ok(())
            }
            Value::Opaque => Ok(()),
            _ => Err(wrong("items for something that is no list")),
        }
    }

    fn dictionary(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            b's' => {
                let items = self.last(2)?;
                self.set_items(&items)
            }
            b'u' => {
                let items = self.marked()?;
                self.set_items(&items)
            }
            _ => {
                let items = if opcode == b'd' { self.marked()? } else { Vec::new() };
                let value = self.heap.new_dict(pairs(&items)?);
                self.push(value)
            }
        }
    }

    fn set_items(&mut self, items: &[Value]) -> Result<()> {
        let items = pairs(items)?;
        match self.top()? {
            Value::Dict(id) => {
                if let Some(dict) = self.heap.dicts.get_mut(id) {
                    dict.extend(items);
                }
                Ok(())
            }
            Value::Opaque => Ok(()),
            _ => Err(wrong("items for something that is no dictionary")),
        }
    }

    /// Values that hold no other.
    fn plain(&mut self, opcode: u8) -> Result<Value> {
        Ok(match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(self.input.u8()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.input.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.input.array()?).into()),
            b'G' => Value::Float(f64::from_be_bytes(self.input.array()?)),
            0x8a => {
                let count = self.input.u8()?;
                self.long(count.into())?
            }
            0x8b => {
                let count = self.input.u32()?;
                self.long(count.into())?
            }
            b'I' => match self.input.line()?.as_str() {
                "00" => Value::Bool(false),
                "01" => Value::Bool(true),
                line => Value::Int(number(line)?),
            },
            b'L' => Value::Int(number(self.input.line()?.trim_end_matches('L'))?),
            b'F' => Value::Float(number(&self.input.line()?)?),
            _ => self.string(opcode)?,
        })
    }

    fn string(&mut self, opcode: u8) -> Result<Value> {
        let count = match opcode {
            b'S' | b'V' => {
                let line = self.input.line()?;
                let line = if opcode == b'S' { line.trim_matches(['\'', '"']) } else { &line };
                return Ok(self.heap.new_text(line));
            }
            b'U' | 0x8c | b'C' => self.input.u8()?.into(),
            b'T' | b'X' | b'B' => self.input.u32()?.into(),
            0x8d | 0x8e | 0x96 => self.input.u64()?,
            0x82..=0x84 => return Err(wrong("an object of the extension registry")),
            0x97 | 0x98 => return Err(wrong("a buffer outside the file")),
            b'P' => {
                return Err(wrong("a persistent object by text, which torch.save never writes"));
            }
            _ => return Err(wrong(format!("opcode 0x{opcode:02x} is not known"))),
        };
        let bytes = self.input.bytes(count)?;
        Ok(match opcode {
            b'C' | b'B' | 0x8e | 0x96 => self.heap.new_bytes(bytes),
            _ => self.heap.new_text(text(bytes)),
        })
    }

    /// A little-endian integer of any length in two's complement.
    fn long(&mut self, count: u64) -> Result<Value> {
        let bytes = self.input.bytes(count)?;
        if bytes.len() > 8 {
            let Value::Bytes(id) = self.heap.new_bytes(bytes) else { return Ok(Value::Opaque) };
            return Ok(Value::Long(id));
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(&bytes);
        Ok(Value::Int(i64::from_le_bytes(wide)))
    }
}

fn pairs(items: &[Value]) -> Result<Vec<(Value, Value)>> {
    let (pairs, rest) = items.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
    } else {
        Err(wrong("a key without a value"))
    }
}

fn number<T: std::str::FromStr>(line: &str) -> Result<T> {
    line.trim()
        .parse()
        .map_err(|_not_a_number| PickleError::Wrong(format!("{line:?} is no number")))
}
