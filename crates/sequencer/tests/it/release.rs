//! Nothing leaves before it is committed, and what leaves can be read.

use std::sync::{Arc, Mutex};

use crossbeam_channel::unbounded;
use domain::event::Event;
use domain::ids::UserId;
use domain::units::Seq;
use journal::faulty::FaultyDisk;
use readmodel::limits::Limits;
use readmodel::model::ReadModel;
use sequencer::batch::{AnswerSink, ReplyTo};
use sequencer::release::Release;
use sequencer::sequencer::Step;

use crate::fixture::{Line, create_asset, create_user, deposit, open_accounts, places};

/// Looks into the read model when an answer comes.
#[derive(Debug)]
struct Witness {
    read_model: Arc<ReadModel>,
    seen: Mutex<Vec<(u64, Seq, Seq)>>,
}

impl AnswerSink for Witness {
    fn answered(&self, token: u64, seq: Seq, events: &[Event]) {
        assert!(!events.is_empty());
        self.seen.lock().unwrap().push((token, seq, self.read_model.seq()));
    }
}

#[test]
fn an_answer_finds_its_command_in_the_read_model() {
    let mut line = Line::open(&places(&FaultyDisk::new(1)));
    let read_model = Arc::new(ReadModel::new(&line.state, Limits::default()));
    let witness = Arc::new(Witness { read_model: Arc::clone(&read_model), seen: Mutex::default() });
    let sinks: Vec<Arc<dyn AnswerSink>> = vec![witness.clone()];
    let (to_log, logged) = unbounded();
    let admission = Arc::clone(line.entrance.admission());
    let mut release = Release::new(read_model, sinks, admission, to_log);
    for (token, command) in (10..).zip([create_asset("USD"), create_user("u1"), deposit("d1")]) {
        line.entrance.submit(command, ReplyTo::Sink { sink: 0, token }).unwrap();
    }
    // A sink that does not exist is nobody.
    line.entrance.submit(deposit("d2"), ReplyTo::Sink { sink: 1, token: 99 }).unwrap();
    assert_eq!(line.step(), Ok(Step::Block(4)));
    let (sequenced, committed) = (line.controls.sequenced(), line.committed.committed());
    assert_eq!((sequenced, committed), (Seq(4), Seq::ZERO), "stamped, and on its way to the disk");
    assert!(line.sequencer.log_mut().work());
    let batch = line.to_release.try_recv().unwrap();
    release.release(batch);
    let seen = witness.seen.lock().unwrap();
    assert_eq!(*seen, [(10, Seq(1), Seq(4)), (11, Seq(2), Seq(4)), (12, Seq(3), Seq(4))]);
    assert_eq!(logged.try_recv().unwrap().last_seq(), Seq(4));
    assert_eq!(line.entrance.admission().event_backlog(), 4);
}

#[test]
fn nothing_leaves_before_it_is_committed() {
    let mut line = Line::open(&places(&FaultyDisk::new(2)));
    open_accounts(&mut line);
    let mut answer = line.submit(deposit("d1")).unwrap();
    assert_eq!(line.step(), Ok(Step::Block(1)));
    let read_model = Arc::clone(&line.read_model);
    let Line { mut release, to_release, committed, mut sequencer, .. } = line;
    let thread = std::thread::spawn(move || release.run(&to_release, &committed));
    assert!(answer.try_recv().is_err());
    assert_eq!(read_model.seq(), Seq(2));
    assert!(sequencer.log_mut().work());
    let answer = answer.blocking_recv().unwrap();
    assert_eq!(answer.seq, Seq(3));
    assert_eq!(read_model.seq(), Seq(3));
    assert!(read_model.user(UserId(1)).is_some());
    drop(sequencer);
    thread.join().unwrap();
}

#[test]
fn a_lost_log_ends_the_release_and_answers_nobody() {
    let disk = FaultyDisk::new(3);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    let answer = line.submit(deposit("d1")).unwrap();
    assert_eq!(line.step(), Ok(Step::Block(1)));
    let Line { mut release, to_release, committed, mut sequencer, read_model, .. } = line;
    let thread = std::thread::spawn(move || release.run(&to_release, &committed));
    disk.inject(journal::faulty::fault::Fault::SyncError, 0);
    assert!(!sequencer.log_mut().work());
    thread.join().unwrap();
    assert!(answer.blocking_recv().is_err());
    assert_eq!(read_model.seq(), Seq(2));
}
