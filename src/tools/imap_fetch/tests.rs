use super::deliver::Deliver;
use crate::client::imap::Client;
use crate::error::Exit;
use crate::net::Wire;
use crate::net::script::{End, Mode, Player, Script, Step};
use crate::net::stream::Socket;
use crate::net::trace::Side;
use crate::proto::imap::section::Section;
use crate::proto::imap::set::SequenceSet;
use crate::store::sink::{Every, Form, Target};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Rows in every order; what was not asked for; a message twice.
const SCRIPT: &str = r#"
S: * PREAUTH [CAPABILITY IMAP4rev1] hi
C: $a EXAMINE INBOX
S: * 5 EXISTS
S: * OK [UIDVALIDITY 7] .
S: $a OK .
C: $b UID FETCH 1:5 (UID FLAGS INTERNALDATE BODY.PEEK[])
S: * 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {700}
S: == 700 bytes
S: )
S: * 2 FETCH (BODY[] {100000}
S: == 100000 bytes
S:  FLAGS () INTERNALDATE "17-Jul-1996 02:44:25 -0700" UID 2)
S: * 9 FETCH (BODY[] {5}
S: nobo\
S: d UID 99 FLAGS () INTERNALDATE "17-Jul-1996 02:44:25 -0700")
S: * 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {5}
S: again)
S: * 3 FETCH (UID 3 FLAGS () INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] NIL)
S: * 4 FETCH (UID 4 FLAGS () INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] "a\\\\b")
S: * 4 FETCH (FLAGS (\\Seen))
S: $b OK done
"#;

/// Plays the script and fetches into a Maildir: the sizes of what is there under its final name, what was reported as done, and the
/// status.
fn fetch(script: &Script, mode: Mode) -> (Vec<u64>, Exit) {
    let dir = tempfile::tempdir().unwrap();
    let target: Target = format!("maildir:{}", dir.path().join("m").display()).parse().unwrap();
    let mut sink = Every::new(vec![target.open(Form::Raw, None).unwrap()]);
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let exit = std::thread::scope(|scope| {
        let player = scope.spawn(move || Player::server(script).play(&mut theirs, mode).unwrap());
        let mut deliver = Deliver::new(&mut sink, Section::default(), None);
        let fetched =
            Client::open(Wire::over(Socket::new(ours).unwrap(), "test"), None, true).and_then(|mut client| {
                let mut inbox = client.examine("INBOX")?;
                deliver.begin("local:INBOX".into(), 7);
                let items = deliver.items();
                inbox.fetch(&SequenceSet::from_ranges([(1, 5)]), &items, &mut deliver)
            });
        deliver.discard().and_then(|()| deliver.commit()).unwrap();
        match fetched {
            Ok(()) => deliver.absent(&SequenceSet::from_numbers([1, 2, 3, 4])).unwrap(),
            Err(e) => deliver.tally.failed(e.exit()),
        }
        assert!(matches!(player.join().unwrap(), End::Whole | End::Cut { .. }));
        deliver.tally.exit()
    });
    let sizes = |name: &str| -> Vec<u64> {
        let list = std::fs::read_dir(Path::new(dir.path()).join("m").join(name)).unwrap();
        list.map(|e| e.unwrap().metadata().unwrap().len()).collect()
    };
    let mut all = [sizes("new"), sizes("cur")].concat();
    all.sort_unstable();
    assert!(sizes("tmp").is_empty());
    (all, exit)
}

/// The size in file form of a filler of `n` bytes: its CRs go.
fn filler(n: u64) -> u64 {
    n - n / 70
}

#[test]
fn each_message_once_whole_or_not_at_all() {
    let script = Script::parse(SCRIPT).unwrap();
    let whole = vec![3, filler(700), filler(100_000)];
    for byte_by_byte in [false, true] {
        // 3 has no body, so it is told as missing.
        assert_eq!(fetch(&script, Mode { byte_by_byte, cut_after: None }), (whole.clone(), Exit::Partial));
    }
    let says = |s: &&Step| matches!(s, Step::Says { side: Side::Server, .. } | Step::Body { side: Side::Server, .. });
    for cut in 0..script.steps.iter().filter(says).count() {
        let (sizes, exit) = fetch(&script, Mode { byte_by_byte: false, cut_after: Some(cut) });
        assert!(sizes.iter().all(|size| whole.contains(size)), "cut {cut}: {sizes:?}");
        assert_eq!(exit, if sizes.is_empty() { Exit::TempFail } else { Exit::Partial }, "cut {cut}");
    }
}
