//! Protocol Buffers, as far as walking over a message goes (<https://protobuf.dev/programming-guides/encoding/>).

use std::io::{Read, Seek};

use super::fields::{Fields, invalid};
use crate::engine::EngineError;

/// One field of a message. A length-delimited one lies before the cursor: read, enter or skip its bytes.
pub enum Value {
    Varint(u64),
    /// Eight bytes or four.
    Fixed,
    /// That many bytes follow.
    Bytes(u64),
}

/// The next field of the message that ends at `end`; `None` at its end.
pub fn next<R: Read + Seek>(fields: &mut Fields<R>, end: u64, what: &str) -> Result<Option<(u64, Value)>, EngineError> {
    if fields.position() == end {
        return Ok(None);
    }
    let key = varint(fields, what)?;
    let value = match key & 7 {
        0 => Value::Varint(varint(fields, what)?),
        1 => skipped(fields, 8, what)?,
        2 => {
            let length = varint(fields, what)?;
            if fields.position().checked_add(length).is_none_or(|stop| stop > end) {
                return Err(invalid(format!("{what} claims {length} bytes at offset {}, past its own end at {end}", fields.position())));
            }
            Value::Bytes(length)
        }
        5 => skipped(fields, 4, what)?,
        wire => return Err(invalid(format!("{what} has a field of the unknown wire type {wire}"))),
    };
    if fields.position() > end || key >> 3 == 0 {
        return Err(invalid(format!("{what} is broken before offset {}", fields.position())));
    }
    Ok(Some((key >> 3, value)))
}

fn skipped<R: Read + Seek>(fields: &mut Fields<R>, bytes: u64, what: &str) -> Result<Value, EngineError> {
    fields.skip(bytes, what)?;
    Ok(Value::Fixed)
}

/// A base-128 number of at most ten bytes.
pub fn varint<R: Read + Seek>(fields: &mut Fields<R>, what: &str) -> Result<u64, EngineError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = fields.u8(what)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(invalid(format!("{what} holds a number of more than ten bytes")))
}
