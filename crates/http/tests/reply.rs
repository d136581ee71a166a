//! Our own replies are whole messages that our own strict parser reads.

use steelyard_http::*;

fn text(reply: Reply) -> String {
    let mut out = Vec::new();
    reply.write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_reply_is_a_whole_message() {
    for status in [400, 405, 408, 413, 414, 417, 429, 431, 500, 501, 502, 503, 504, 505] {
        for (head_only, method) in [(false, Method::Get), (true, Method::Head)] {
            let text = text(Reply::new(status, true, head_only));
            let mut head = ResponseHead::default();
            assert_eq!(parse_response(text.as_bytes(), method, &Limits::default(), &mut head), Ok(Parsed::Complete));
            assert_eq!((head.status, head.keep_alive), (status, false));
            assert!(!head.reason.is_empty(), "{status}");
            let body = &text[head.length..];
            let expected = if head_only { 0 } else { head.content_length.unwrap() };
            assert_eq!(body.len() as u64, expected, "{text}");
        }
    }
}

#[test]
fn what_a_reply_says_besides() {
    let busy = text(Reply::new(503, false, false).with_retry_after(3));
    assert!(busy.contains("\r\nRetry-After: 3\r\n") && !busy.contains("Connection"), "{busy}");
    let refused = text(Reply::new(405, true, false));
    assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("\r\nAllow: GET, "), "{refused}");
    assert!(refused.contains("\r\nConnection: close\r\n"), "{refused}");
    for reason in Reason::ALL {
        let text = text(Reply { sentence: reason.sentence(), ..Reply::new(400, true, false) });
        assert!(text.ends_with(&format!("\r\n\r\n{}\n", reason.sentence())), "{text}");
    }
}
