//! What the in-process load writes for each answer, as it is answered: a line that the reader of the pipe holds the venue to.

use std::fmt;
use std::str::FromStr;

use codec::event::encode_events;
use domain::event::Event;
use domain::ids::OrderId;
use domain::units::{Seq, UnixNanos};

/// One answered command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) seq: Seq,
    /// Of the command in its load; the client order id of an order follows from it.
    pub(crate) number: u64,
    /// The order placed or closed.
    pub(crate) order: Option<OrderId>,
    /// Of all events, encoded.
    checksum: u32,
}

impl Ack {
    /// The acknowledgement of a command with these events. Their time is not among what was answered.
    pub(crate) fn of(number: u64, seq: Seq, events: &[Event]) -> Self {
        let mut bytes = Vec::new();
        encode_events(seq, UnixNanos(0), events, &mut bytes);
        let order = events.iter().find_map(|event| {
            if let Event::OrderPlaced(placed) = event {
                return Some(placed.order);
            }
            if let Event::OrderClosed(closed) = event { Some(closed.order) } else { None }
        });
        Self { seq, number, order, checksum: crc32c::crc32c(&bytes) }
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.seq.0, self.number)?;
        match self.order {
            Some(order) => write!(f, "{}", order.0)?,
            None => write!(f, "-")?,
        }
        write!(f, " {:08x}", self.checksum)
    }
}

/// A line that is no acknowledgement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAnAck;

impl FromStr for Ack {
    type Err = NotAnAck;

    fn from_str(line: &str) -> Result<Self, NotAnAck> {
        let mut words = line.split(' ');
        let mut number = || words.next().and_then(|word| word.parse().ok()).ok_or(NotAnAck);
        let (seq, number) = (Seq(number()?), number()?);
        let order = match words.next().ok_or(NotAnAck)? {
            "-" => None,
            order => Some(OrderId(order.parse().or(Err(NotAnAck))?)),
        };
        let checksum = words.next().filter(|word| word.len() == 8).ok_or(NotAnAck)?;
        let checksum = u32::from_str_radix(checksum, 16).or(Err(NotAnAck))?;
        if words.next().is_some() {
            return Err(NotAnAck);
        }
        Ok(Self { seq, number, order, checksum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_and_half_a_line_is_not() {
        for order in [Some(OrderId(12)), None] {
            let ack = Ack { order, ..Ack::of(7, Seq(9), &[]) };
            let line = ack.to_string();
            assert_eq!(line.parse(), Ok(ack));
            assert!((0..line.len()).all(|end| line[..end].parse::<Ack>().is_err()));
        }
    }
}
