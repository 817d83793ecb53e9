//! Replay on three threads, as recovery does it: one reads, checks and decodes, one applies, one judges what came of it.
//!
//! The engine is the only part that cannot be divided, so its thread does nothing else. Between the threads are bounded
//! channels; stretches go round, so that their memory is taken once.

use crossbeam_channel::{Receiver, Sender, bounded};
use domain::units::Seq;
use engine::Engine;
use journal::read::SegmentSource;

use crate::replayer::{CommandBlocks, ReplayError, Replayed, STRETCH_COMMANDS};

/// Stretches that wait between two threads. Few: a stretch that was full of trades has some hundred megabytes.
const STRETCHES_WAITING_MAX: usize = 2;

/// Of all stretches there are: what waits twice, and one in each hand.
const STRETCHES_MAX: usize = 2 * STRETCHES_WAITING_MAX + 3;

/// Brings the engine to `committed`. `judge` sees each stretch after it was applied, in order, on a thread of its own;
/// the first error in the order of the journal ends the replay. `on_applied` hears how many commands are behind.
pub(crate) fn replay<E: From<ReplayError> + Send>(
    engine: &mut Engine,
    journal: &SegmentSource,
    committed: Seq,
    judge: impl FnMut(&Replayed) -> Result<(), E> + Send,
    on_applied: &mut dyn FnMut(u64),
) -> Result<(), E> {
    if engine.seq() >= committed {
        return Ok(());
    }
    let blocks = CommandBlocks::behind(engine, journal);
    let (to_engine, decoded) = bounded(STRETCHES_WAITING_MAX);
    let (to_judge, applied) = bounded(STRETCHES_WAITING_MAX);
    let (to_spare, spare) = bounded(STRETCHES_MAX);
    std::thread::scope(|scope| {
        scope.spawn(move || read(blocks, committed, &to_engine, &spare));
        let judge = scope.spawn(move || judge_all(&applied, &to_spare, judge));
        apply_all(engine, decoded, &to_judge, on_applied);
        drop(to_judge);
        judge.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

type Read = Result<Replayed, ReplayError>;

/// Reads until the end, an error, or until nobody listens.
fn read(mut blocks: CommandBlocks, committed: Seq, to_engine: &Sender<Read>, spare: &Receiver<Replayed>) {
    loop {
        let mut stretch = spare.try_recv().unwrap_or_default();
        let read = match blocks.next_stretch(committed, STRETCH_COMMANDS, &mut stretch) {
            Ok(true) => Ok(stretch),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        let is_last = read.is_err();
        if to_engine.send(read).is_err() || is_last {
            return;
        }
    }
}

/// Takes `decoded`, so that its end is the reader's end too.
fn apply_all(engine: &mut Engine, decoded: Receiver<Read>, to_judge: &Sender<Read>, on_applied: &mut dyn FnMut(u64)) {
    for read in decoded {
        let applied = read.map(|mut stretch| {
            stretch.apply(engine);
            on_applied(stretch.count());
            stretch
        });
        // The judge has found something: there it is.
        if to_judge.send(applied).is_err() {
            return;
        }
    }
}

fn judge_all<E: From<ReplayError>>(
    applied: &Receiver<Read>,
    to_spare: &Sender<Replayed>,
    mut judge: impl FnMut(&Replayed) -> Result<(), E>,
) -> Result<(), E> {
    for stretch in applied {
        let stretch = stretch?;
        judge(&stretch)?;
        // Nobody reads any more at the end.
        drop(to_spare.try_send(stretch));
    }
    Ok(())
}
