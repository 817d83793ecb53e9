//! The heads that were noted, against the chain as it is now.

use domain::command::note_head::NoteHead;
use domain::units::Seq;
use journal::error::ReadError;
use journal::read::SegmentSource;

use super::Verdict;

/// Looks up the block of each head; each comes with the command that noted it.
pub(super) fn check(
    journal: &SegmentSource,
    end: Seq,
    heads: &[(Seq, NoteHead)],
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let (mut equal, mut gone) = (0_u64, 0_u64);
    for (noted, head) in heads {
        let mut reader = journal.reader(head.seq);
        let block = match reader.next_block(end) {
            Ok(block) => block.filter(|block| block.header.last_seq() == head.seq),
            Err(ReadError::Missing(_)) => {
                gone += 1;
                continue;
            }
            Err(error) => anyhow::bail!("the block of the head at {}: {error}", head.seq.0),
        };
        if block.is_some_and(|block| block.hash == head.block && head.seq < *noted) {
            equal += 1;
        } else {
            verdict.wrong(format_args!(
                "record {} says that the chain had {} at {}; it has not",
                noted.0,
                hex::encode(head.block.0),
                head.seq.0
            ));
        }
    }
    if equal > 0 {
        verdict.good(format_args!("{equal} heads of the chain were noted, and it still has all of them"));
    }
    if gone > 0 {
        verdict.note(format_args!("{gone} heads are of blocks from before the journal begins"));
    }
    Ok(())
}
