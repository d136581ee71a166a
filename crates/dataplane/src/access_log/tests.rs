use super::*;
use rustix::fs::{FileType, Mode};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A directory of this test, removed at its end.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("steelyard-log-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const LONG: Duration = Duration::from_secs(20);

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

fn open(path: &Path, format: Format) -> Arc<AccessLog> {
    AccessLog::open(Target::File(path.to_owned()), format).unwrap()
}

fn record<'a>(target: &'a [u8], user_agent: &'a [u8]) -> Record<'a> {
    Record {
        time_us: 1_795_326_581_042_500,
        service: "www",
        client: b"192.0.2.7",
        request: Some(Request {
            method: b"GET",
            target,
            version: "HTTP/1.1",
            status: 200,
            id: b"7f3a",
            referer: b"",
            user_agent,
        }),
        bytes_in: 0,
        bytes_out: 34,
        duration_us: 512,
        queue_us: None,
        connect_us: Some(80),
        upstream_us: Some(300),
        pool: "web",
        server: "a",
        retries: 0,
        end: "ok",
    }
}

fn written(format: Format, record: &Record) -> String {
    let room = Room::new(&format!("{format:?}-{:p}", record));
    let log = open(&room.path("log"), format);
    log.lines().write(record);
    assert!(log.close(LONG));
    fs::read_to_string(room.path("log")).unwrap()
}

#[test]
fn a_json_line() {
    assert_eq!(
        written(Format::Json, &record(b"/a?b=c", b"curl/8.0")),
        concat!(
            r#"{"time":"2026-11-22T05:49:41.042Z","service":"www","client":"192.0.2.7","method":"GET","target":"/a?b=c","#,
            r#""version":"HTTP/1.1","status":200,"bytes_in":0,"bytes_out":34,"duration_us":512,"queue_us":null,"#,
            r#""connect_us":80,"upstream_us":300,"pool":"web","server":"a","retries":0,"end":"ok","#,
            r#""request_id":"7f3a","referer":null,"user_agent":"curl/8.0"}"#,
            "\n"
        )
    );
}

#[test]
fn a_json_line_of_mode_tcp() {
    let tcp =
        Record { request: None, server: "", connect_us: None, upstream_us: None, end: "connect", ..record(b"", b"") };
    assert_eq!(
        written(Format::Json, &tcp),
        concat!(
            r#"{"time":"2026-11-22T05:49:41.042Z","service":"www","client":"192.0.2.7","bytes_in":0,"bytes_out":34,"#,
            r#""duration_us":512,"queue_us":null,"connect_us":null,"upstream_us":null,"pool":"web","server":null,"#,
            r#""retries":0,"end":"connect"}"#,
            "\n"
        )
    );
}

#[test]
fn a_combined_line() {
    let prefix = "192.0.2.7 - - [22/Nov/2026:05:49:41 +0000]";
    let line = written(Format::Combined, &record(b"/a\"b", b"curl/8.0"));
    assert_eq!(line, format!("{prefix} \"GET /a\\x22b HTTP/1.1\" 200 34 \"-\" \"curl/8.0\"\n"));
    let line = written(Format::Combined, &Record { request: None, ..record(b"", b"") });
    assert_eq!(line, format!("{prefix} \"-\" 0 34 \"-\" \"-\"\n"));
}

#[test]
fn hostile_bytes_stay_inside_their_field_and_their_line() {
    let all: Vec<u8> = (0..=255).collect();
    let line = written(Format::Json, &record(&all, b"\"}\n{\"forged\":true,\"x\":\""));
    assert_eq!(line.matches('\n').count(), 1);
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(parsed["target"].as_str().unwrap().chars().map(|c| c as u8).collect::<Vec<_>>(), all);
    assert_eq!(parsed["user_agent"], "\"}\n{\"forged\":true,\"x\":\"");
    assert!(parsed.get("forged").is_none());
    let line = written(Format::Combined, &record(&all, b"\" 200 0\n"));
    assert_eq!((line.matches('\n').count(), line.matches('"').count()), (1, 6));
}

#[test]
fn idle_lines_are_written_without_help() {
    let room = Room::new("idle");
    let log = open(&room.path("log"), Format::Json);
    let mut lines = log.lines();
    for n in 1..=3 {
        lines.write(&record(b"/", b""));
        lines.hand_over();
        wait_until("the line is written", || log.written() == n);
    }
    assert_eq!(fs::read_to_string(room.path("log")).unwrap().lines().count(), 3);
}

#[test]
fn many_threads_and_rotations_lose_nothing() {
    const THREADS: usize = 3;
    const EACH: usize = 20_000;
    let room = Room::new("rotate");
    let log = open(&room.path("log"), Format::Json);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut lines = log.lines();
            scope.spawn(move || {
                for n in 0..EACH {
                    lines.write(&record(format!("/{thread}/{n}").as_bytes(), b""));
                    if n % 1000 == 999 {
                        lines.hand_over();
                        // Paced by the writer, so that nothing is dropped however slow the disk is.
                        wait_until("the writer followed", || lock(&lines.buffer).lines == 0);
                    }
                }
            });
        }
        for n in 0..10 {
            wait_until("some lines are written", || log.written() > n * 5_000);
            fs::rename(room.path("log"), room.path(&format!("log.{n}"))).unwrap();
            log.reopen().unwrap();
            wait_until("the log is reopened", || log.shared.reopened.lock().unwrap().is_none());
        }
    });
    assert!(log.close(LONG));
    let mut found: Vec<String> = fs::read_dir(&room.0)
        .unwrap()
        .flat_map(|entry| {
            fs::read_to_string(entry.unwrap().path()).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap()["target"].as_str().unwrap().to_owned())
        .collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!((found.len(), log.written(), log.dropped()), (THREADS * EACH, (THREADS * EACH) as u64, 0));
}

#[test]
fn a_blocked_reader_makes_lines_drop_and_they_are_counted() {
    let room = Room::new("fifo");
    let path = room.path("log");
    rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let log = open(&path, Format::Json);
    let mut lines = log.lines();
    let mut tried = 0;
    while log.dropped() < 100 {
        lines.write(&record(b"/", b""));
        tried += 1;
        assert!(tried < 1_000_000, "nothing was dropped: the buffer has no bound");
    }
    lines.hand_over();
    assert!(lock(&lines.buffer).bytes.len() < BUFFER_MAX + 2 * PAGE);
    // Whoever reads now gets every line that was not dropped, whole.
    let mut reader = fs::OpenOptions::new().read(true).open(&path).unwrap();
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 1 << 16];
        while !bytes.ends_with(b"END\n") {
            let n = reader.read(&mut chunk).unwrap();
            bytes.extend_from_slice(&chunk[..n]);
        }
        bytes
    });
    assert!(log.close(LONG));
    fs::OpenOptions::new().append(true).open(&path).and_then(|mut file| io_write(&mut file, b"END\n")).unwrap();
    let bytes = reading.join().unwrap();
    let read = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 - 1;
    assert_eq!((read, log.written() + log.dropped()), (log.written(), tried));
}

fn io_write(file: &mut fs::File, bytes: &[u8]) -> std::io::Result<()> {
    std::io::Write::write_all(file, bytes)
}

#[test]
fn closing_does_not_wait_for_a_pipe_that_nobody_reads() {
    let room = Room::new("stuck");
    let path = room.path("log");
    rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let log = open(&path, Format::Json);
    let mut lines = log.lines();
    (0..2_000).for_each(|_| lines.write(&record(b"/", b"")));
    lines.hand_over();
    assert!(!log.close(Duration::from_millis(50)));
}

#[test]
fn a_full_disk_counts_as_dropped() {
    let log = open(Path::new("/dev/full"), Format::Json);
    let mut lines = log.lines();
    (0..7).for_each(|_| lines.write(&record(b"/", b"")));
    drop(lines);
    assert!(log.close(LONG));
    assert_eq!((log.written(), log.dropped()), (0, 7));
}

#[test]
fn the_messages_name_place_cause_and_cure() {
    let error = |path: &str| AccessLog::open(Target::parse(path), Format::Json).unwrap_err().to_string();
    assert_eq!(
        error("/nowhere/access.log"),
        "access log /nowhere/access.log: cannot open it: No such file or directory (os error 2); \
         make the directory, or name another path in log.access"
    );
    assert_eq!(
        error("/tmp"),
        "access log /tmp: cannot open it: Is a directory (os error 21); name another path in log.access"
    );
}

#[test]
fn a_reopen_that_fails_leaves_the_log_as_it_was() {
    let room = Room::new("reopen");
    fs::create_dir(room.path("sub")).unwrap();
    let log = open(&room.path("sub/log"), Format::Json);
    fs::rename(room.path("sub"), room.path("moved")).unwrap();
    assert!(log.reopen().is_err());
    log.lines().write(&record(b"/", b""));
    assert!(log.close(LONG));
    assert_eq!(fs::read_to_string(room.path("moved/log")).unwrap().lines().count(), 1);
}

/// Prints what a line costs; run with `--ignored --nocapture --release`.
#[test]
#[ignore = "a measurement, not a test"]
fn measure_a_line() {
    let user_agent = b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    for format in [Format::Json, Format::Combined] {
        let log = open(Path::new("/dev/null"), format);
        let mut lines = log.lines();
        let mut best = Duration::MAX;
        for round in 1..=100 {
            let start = Instant::now();
            (0..500).for_each(|_| lines.write(&record(b"/products/17?colour=red&size=large", user_agent)));
            lines.hand_over();
            best = best.min(start.elapsed() / 500);
            wait_until("all are written", || log.written() == 500 * round);
        }
        println!("{format:?}: {best:?} a line, the best of 100 rounds");
    }
}
