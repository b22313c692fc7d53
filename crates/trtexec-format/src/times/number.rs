//! Numbers of milliseconds as whole nanoseconds, without a float on the way: 2.96048 has no exact binary form.

use super::LONGEST_NS;
use super::cursor::{Cursor, Step, Stop};

impl Cursor<'_> {
    /// A number of milliseconds as nanoseconds, rounded half away from zero.
    pub(super) fn nanos(&mut self, name: &str) -> Step<i64> {
        if let Some((ns, length)) = usual(&self.bytes[self.at..]) {
            self.at += length;
            return Ok(ns);
        }
        let start = self.at;
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        // the value is digits · 10^scale ns
        let (mut digits, mut scale, first) = (0_u64, 6_i32, self.at);
        self.digits(&mut digits, |kept| i32::from(!kept), &mut scale)?;
        if self.at == first {
            self.at = start;
            return self.wrong(&format!("a number for {name}"));
        }
        if self.peek()? == b'.' {
            self.at += 1;
            self.digits(&mut digits, |kept| -i32::from(kept), &mut scale)?;
        }
        if matches!(self.peek()?, b'e' | b'E') {
            self.at += 1;
            scale = scale.saturating_add(self.exponent()?);
        }
        let ns = scaled(digits, scale).filter(|&ns| ns <= LONGEST_NS);
        let Some(ns) = ns else {
            let text = String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned();
            let what = format!("{name} is {text:.40} ms, which is above 115 days");
            return Err(Stop::Wrong { at: start, what });
        };
        Ok(if negative { -ns } else { ns })
    }

    /// Takes digits; those beyond 17 only count for the scale, by what `step` says of a kept and a lost one.
    fn digits(
        &mut self,
        digits: &mut u64,
        step: impl Fn(bool) -> i32,
        scale: &mut i32,
    ) -> Step<()> {
        loop {
            let digit = self.peek()?.wrapping_sub(b'0');
            if digit > 9 {
                return Ok(());
            }
            let kept = *digits < 100_000_000_000_000_000;
            if kept {
                *digits = *digits * 10 + u64::from(digit);
            }
            *scale = scale.saturating_add(step(kept));
            self.at += 1;
        }
    }

    fn exponent(&mut self) -> Step<i32> {
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative || self.peek()? == b'+');
        let (first, mut value) = (self.at, 0_i32);
        while let digit @ 0..=9 = self.peek()?.wrapping_sub(b'0') {
            value = value.saturating_mul(10).saturating_add(i32::from(digit)).min(100_000);
            self.at += 1;
        }
        if self.at == first {
            return self.wrong("digits of an exponent");
        }
        Ok(if negative { -value } else { value })
    }
}

/// Digits with at most one point among them, as nearly all numbers are: nanoseconds and length. `None` for any
/// other number, and where the buffer may hold only a part of it.
fn usual(text: &[u8]) -> Option<(i64, usize)> {
    const MOST: usize = 16;
    const POWERS: [u64; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
    let (mut digits, mut point) = (0_u64, None);
    for (place, &byte) in text.iter().take(MOST + 1).enumerate() {
        match byte {
            b'0'..=b'9' => digits = digits * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() && place > 0 => point = Some(place),
            b' ' | b',' | b'}' | b'\n' if place > 0 => {
                let decimals = point.map_or(0, |point| place - point - 1);
                let ns = if let Some(&factor) = POWERS.get(6_usize.wrapping_sub(decimals)) {
                    digits.checked_mul(factor)?
                } else {
                    let divisor = 10_u64.pow(decimals as u32 - 6);
                    (digits + divisor / 2) / divisor
                };
                return i64::try_from(ns).ok().filter(|&ns| ns <= LONGEST_NS).map(|ns| (ns, place));
            }
            _ => return None,
        }
    }
    None
}

/// digits · 10^scale, rounded half up; `None` when it is beyond 64 bits.
fn scaled(digits: u64, scale: i32) -> Option<i64> {
    if digits == 0 {
        return Some(0);
    }
    let power = scale.unsigned_abs();
    if scale >= 0 {
        let factor = 10_u64.checked_pow(power)?;
        return i64::try_from(digits.checked_mul(factor)?).ok();
    }
    // digits are below 10^18
    let Some(divisor) = 10_u64.checked_pow(power).filter(|_| power <= 18) else { return Some(0) };
    i64::try_from((digits + divisor / 2) / divisor).ok()
}
