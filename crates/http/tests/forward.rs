//! What we write for the other side, message by message.

use steelyard_http::*;

struct Case<'a> {
    rewrite: Rewrite,
    peer: Peer,
    close: bool,
    request_id: &'a [u8],
}

fn peer(address: &str, trusted: bool) -> Peer {
    Peer::new(address.parse().unwrap(), trusted, false)
}

fn plain() -> Case<'static> {
    let rewrite = Rewrite::new("steelyard", "X-Request-Id", false, None);
    Case { rewrite, peer: peer("192.0.2.7", false), close: false, request_id: b"id-1" }
}

fn cookie(form: CookieForm) -> CookieAffinity {
    CookieAffinity { name: b"SRV".to_vec(), form, same_site: "Lax".to_owned(), mark_length: 4 }
}

impl Case<'_> {
    fn forward(&self, message: &str) -> String {
        let mut head = RequestHead::default();
        assert_eq!(parse_request(message.as_bytes(), &Limits::default(), &mut head), Ok(Parsed::Complete), "{message}");
        let with = RequestOut {
            rewrite: &self.rewrite,
            peer: &self.peer,
            framing: head.framing,
            expect_continue: head.expect_continue,
            close: self.close,
            default_host: b"backend",
            request_id: self.request_id,
        };
        let mut out = Vec::new();
        write_request(message.as_bytes(), &head, &with, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The lines of what is forwarded for `GET /` with these fields.
    fn lines(&self, fields: &str) -> Vec<String> {
        let text = self.forward(&format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"));
        text.split("\r\n").map(str::to_owned).collect()
    }
}

#[test]
fn an_ordinary_request() {
    let request = "GET /a?b HTTP/1.1\r\nHost: example.org\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n";
    assert_eq!(
        plain().forward(request),
        "GET /a?b HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.7\r\n\
         X-Forwarded-Proto: http\r\nX-Forwarded-Host: example.org\r\nVia: 1.1 steelyard\r\nX-Request-Id: id-1\r\n\r\n"
    );
}

#[test]
fn an_http10_request_gets_a_host_and_our_version() {
    let text = plain().forward("GET / HTTP/1.0\r\nAccept: */*\r\n\r\n");
    assert!(text.starts_with("GET / HTTP/1.1\r\nHost: backend\r\nAccept: */*\r\n"), "{text}");
    assert!(text.contains("\r\nVia: 1.0 steelyard\r\n"), "{text}");
    assert!(!text.contains("X-Forwarded-Host"), "{text}");
}

#[test]
fn unusual_blanks_are_written_anew() {
    let lines = plain().lines("A:1\r\nB:\t 2 \t\r\nC: 3\r\nD:\r\n");
    assert_eq!(lines[2..6], ["A: 1", "B: 2", "C: 3", "D: "]);
}

#[test]
fn what_a_trusted_peer_says_is_kept_and_added_to() {
    let fields = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Proto: https\r\n\
                  X-Forwarded-Host: public.example\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 6.6.6.6\r\n\
                  Forwarded: for=6.6.6.6\r\n";
    let mut case = Case { peer: peer("2001:db8::1", true), ..plain() };
    let lines = case.lines(fields);
    for line in [
        "X-Forwarded-For: 6.6.6.6, 7.7.7.7, 2001:db8::1",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: public.example",
        "X-Forwarded-Port: 443",
        "X-Real-IP: 6.6.6.6",
        "Forwarded: for=6.6.6.6",
    ] {
        assert_eq!(lines.iter().filter(|each| *each == line).count(), 1, "{line} in {lines:?}");
    }
    case.rewrite.forwarded = true;
    let forwarded = "Forwarded: for=6.6.6.6, for=\"[2001:db8::1]\";host=\"a.example\";proto=http".to_owned();
    assert!(case.lines(fields).contains(&forwarded));
    case.peer = peer("192.0.2.7", false);
    assert!(case.lines(fields).contains(&"Forwarded: for=192.0.2.7;host=\"a.example\";proto=http".to_owned()));
}

#[test]
fn the_request_id_of_a_trusted_peer_is_kept_only_if_it_is_sane() {
    let rewrite = plain().rewrite;
    let long = "x".repeat(129);
    for (fields, kept) in [
        ("x-request-id: abc-1\r\n", Some("abc-1")),
        ("X-Request-Id: a b\r\n", None),
        ("X-Request-Id: \"a\"\r\n", None),
        ("X-Request-Id: \r\n", None),
        ("X-Request-Id: a\r\nX-Request-Id: a\r\n", None),
        (&format!("X-Request-Id: {long}\r\n"), None),
        ("X-Other: a\r\n", None),
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
        let mut head = RequestHead::default();
        parse_request(&bytes, &Limits::default(), &mut head).unwrap();
        assert_eq!(
            rewrite.kept_request_id(&bytes, &head.fields).map(|id| id.of(&bytes)),
            kept.map(str::as_bytes),
            "{fields}"
        );
    }
}

#[test]
fn names_that_are_left_out_leave_no_trace() {
    let case = Case { rewrite: Rewrite::new("", "", false, None), ..plain() };
    let text = case.forward("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!text.contains("Via") && !text.contains("id-1"), "{text}");
}

#[test]
fn upgrade_te_and_close() {
    let lines = plain().lines("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n");
    assert!(lines.contains(&"Upgrade: websocket".to_owned()) && lines.contains(&"Connection: Upgrade".to_owned()));
    let lines = plain().lines("TE: trailers, deflate;q=0.5\r\nConnection: TE\r\n");
    assert!(lines.contains(&"TE: trailers".to_owned()) && lines.contains(&"Connection: TE".to_owned()), "{lines:?}");
    let lines = Case { close: true, ..plain() }.lines("TE: trailers\r\n");
    assert!(lines.contains(&"Connection: close".to_owned()) && !lines.contains(&"TE: trailers".to_owned()));
}

#[test]
fn the_mark_is_found_and_taken_out() {
    use CookieForm::{Append, Insert};
    for (form, cookies, mark, forwarded) in [
        (Insert, "SRV=mark", Some("mark"), None),
        (Insert, "a=b; SRV=mark; c=d", Some("mark"), Some("Cookie: a=b; c=d")),
        (Insert, "a=b;SRV=\"mark\"", Some("mark"), Some("Cookie: a=b")),
        (Insert, "SRV=toolong", None, None),
        (Insert, "XSRV=mark; SRVX=mark; srv=mark", None, Some("Cookie: XSRV=mark; SRVX=mark; srv=mark")),
        (Insert, "a=b;  c=d;", None, Some("Cookie: a=b;  c=d;")),
        (Append, "SRV=value~mark", Some("mark"), Some("Cookie: SRV=value")),
        (Append, "SRV=va~lue~mark; x=y", Some("mark"), Some("Cookie: SRV=va~lue; x=y")),
        (Append, "x=y; SRV=\"value~mark\"", Some("mark"), Some("Cookie: x=y; SRV=\"value\"")),
        (Append, "SRV=value", None, Some("Cookie: SRV=value")),
        (Append, "SRV=~mark", Some("mark"), Some("Cookie: SRV=")),
        (Append, "SRV=v~wrong", None, Some("Cookie: SRV=v~wrong")),
        (Append, "SRV", None, Some("Cookie: SRV")),
        (Append, "SRV=", None, Some("Cookie: SRV=")),
        (Append, "SRV=\"", None, Some("Cookie: SRV=\"")),
        (Append, "SRV=~~mark; SRV=b~nark", Some("mark"), Some("Cookie: SRV=~; SRV=b")),
    ] {
        let affinity = cookie(form);
        let bytes = format!("GET / HTTP/1.1\r\nHost: a.example\r\nCookie: {cookies}\r\n\r\n").into_bytes();
        let mut head = RequestHead::default();
        parse_request(&bytes, &Limits::default(), &mut head).unwrap();
        assert_eq!(affinity.find_mark(&bytes, &head.fields), mark.map(str::as_bytes), "{cookies}");
        let rewrite = Rewrite::new("", "", false, Some(affinity));
        let lines = Case { rewrite, ..plain() }.lines(&format!("Cookie: {cookies}\r\n"));
        assert_eq!(lines.iter().find(|line| line.starts_with("Cookie")).map(String::as_str), forwarded, "{cookies}");
    }
}

fn answer(reply: &str, method: Method, change: impl FnOnce(&mut ResponseOut), rewrite: &Rewrite) -> String {
    let mut head = ResponseHead::default();
    assert_eq!(
        parse_response(reply.as_bytes(), method, &Limits::default(), &mut head),
        Ok(Parsed::Complete),
        "{reply}"
    );
    let mut with = ResponseOut {
        rewrite,
        client_version: Version::Http11,
        framing: forward::client_framing(head.framing, Version::Http11),
        keep_alive: true,
        mark: None,
        remark: None,
        secure: false,
    };
    change(&mut with);
    let mut out = Vec::new();
    write_response(reply.as_bytes(), &head, &with, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_ordinary_response() {
    let reply = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\nConnection: keep-alive\r\nDate: now\r\n\r\n";
    assert_eq!(
        answer(reply, Method::Get, |_| {}, &plain().rewrite),
        "HTTP/1.1 200 OK\r\nServer: x\r\nDate: now\r\nVia: 1.1 steelyard\r\nContent-Length: 5\r\n\r\n"
    );
}

#[test]
fn a_response_to_an_http10_client() {
    let rewrite = Rewrite::new("", "", false, None);
    let to_http10 = |with: &mut ResponseOut| {
        with.client_version = Version::Http10;
        with.framing = forward::client_framing(with.framing, Version::Http10);
    };
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n";
    assert_eq!(answer(chunked, Method::Get, to_http10, &rewrite), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    let length = "HTTP/1.0 200\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(
        answer(length, Method::Get, to_http10, &rewrite),
        "HTTP/1.1 200 \r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n"
    );
}

#[test]
fn a_switch_of_protocols_and_an_interim_response() {
    let rewrite = Rewrite::new("", "", false, Some(cookie(CookieForm::Insert)));
    let mark = |with: &mut ResponseOut| with.mark = Some(b"mark");
    let switch = "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(
        answer(switch, Method::Get, mark, &rewrite),
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    );
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\n";
    assert_eq!(answer(hints, Method::Get, mark, &rewrite), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

#[test]
fn the_mark_is_put_in() {
    let reply = "HTTP/1.1 200 OK\r\nSet-Cookie: SRV=value; Path=/x; HttpOnly\r\nSet-Cookie: SRV=\"q\"\r\n\
                 Set-Cookie: SRV=; Max-Age=0\r\nSet-Cookie: other=1\r\nContent-Length: 0\r\n\r\n";
    let mark = |with: &mut ResponseOut| {
        with.mark = Some(b"mark");
        with.secure = true;
    };
    let appended = answer(reply, Method::Get, mark, &Rewrite::new("", "", false, Some(cookie(CookieForm::Append))));
    assert_eq!(
        appended,
        "HTTP/1.1 200 OK\r\nSet-Cookie: SRV=value~mark; Path=/x; HttpOnly\r\nSet-Cookie: SRV=\"q~mark\"\r\n\
         Set-Cookie: SRV=; Max-Age=0\r\nSet-Cookie: other=1\r\nContent-Length: 0\r\n\r\n"
    );
    let inserted = answer(reply, Method::Get, mark, &Rewrite::new("", "", false, Some(cookie(CookieForm::Insert))));
    assert!(inserted.ends_with(
        "Set-Cookie: other=1\r\nSet-Cookie: SRV=mark; Path=/; HttpOnly; SameSite=Lax; Secure\r\nContent-Length: 0\r\n\r\n"
    ));
}

#[test]
fn the_clients_own_value_comes_back_with_a_new_mark() {
    let affinity = cookie(CookieForm::Append);
    let long = "v".repeat(2049);
    for (cookies, value) in [
        ("SRV=value~gone", Some("value")),
        ("a=b; SRV=value", Some("value")),
        ("SRV=\"q~gone\"", Some("q")),
        ("SRV=~gone", None),
        ("SRV=", None),
        ("SRV=a b", None),
        ("SRV=a\\b~gone", None),
        (&*format!("SRV={long}"), None),
        ("other=1", None),
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: h\r\nCookie: {cookies}\r\n\r\n").into_bytes();
        let mut head = RequestHead::default();
        assert_eq!(parse_request(&bytes, &Limits::default(), &mut head), Ok(Parsed::Complete));
        assert_eq!(affinity.find_value(&bytes, &head.fields), value.map(str::as_bytes), "{cookies}");
    }
    let rewrite = Rewrite::new("", "", false, Some(affinity));
    let remark = |with: &mut ResponseOut| {
        with.mark = Some(b"mark");
        with.remark = Some(b"value");
    };
    let other = answer("HTTP/1.1 204 None\r\nSet-Cookie: a=b\r\n\r\n", Method::Get, remark, &rewrite);
    let given_back = "Set-Cookie: SRV=value~mark; Path=/; HttpOnly; SameSite=Lax\r\n";
    assert_eq!(other, format!("HTTP/1.1 204 None\r\nSet-Cookie: a=b\r\n{given_back}\r\n"));
    for (set, told) in [("SRV=new; Path=/x", "SRV=new~mark; Path=/x"), ("SRV=; Max-Age=0", "SRV=; Max-Age=0")] {
        let reply = format!("HTTP/1.1 204 None\r\nSet-Cookie: {set}\r\n\r\n");
        let own = answer(&reply, Method::Get, remark, &rewrite);
        assert_eq!(own, format!("HTTP/1.1 204 None\r\nSet-Cookie: {told}\r\n\r\n"));
    }
}

#[test]
fn a_101_must_be_what_was_asked_for() {
    for (asked, reply, good) in [
        (Some("websocket"), "Connection: Upgrade\r\nUpgrade: WebSocket\r\n", true),
        (Some("a/1, b"), "Connection: x, upgrade\r\nUpgrade: b\r\n", true),
        (None, "Connection: Upgrade\r\nUpgrade: websocket\r\n", false),
        (Some("websocket"), "Connection: Upgrade\r\nUpgrade: h2c\r\n", false),
        (Some("websocket"), "Connection: Upgrade\r\n", false),
        (Some("websocket"), "Upgrade: websocket\r\n", false),
        (Some("websocket"), "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n", false),
        (Some("websocket"), "Connection: Upgrade\r\nUpgrade: \r\n", false),
    ] {
        let bytes = format!("HTTP/1.1 101 Switching Protocols\r\n{reply}\r\n").into_bytes();
        let mut head = ResponseHead::default();
        parse_response(&bytes, Method::Get, &Limits::default(), &mut head).unwrap();
        assert!(!head.keep_alive && !head.is_interim());
        assert_eq!(upgrade::check_switch(asked.map(str::as_bytes), &bytes, &head).is_ok(), good, "{asked:?} {reply:?}");
    }
}
