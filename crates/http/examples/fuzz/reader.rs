//! A second reader of what we forward: slow, by the letter of RFC 9112, without a line of the crate. It knows no lenience
//! at all, so whatever two recipients might read differently is an error here.

/// A message as this reader sees it.
pub struct Seen {
    fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|(each, _)| each == name).count()
    }

    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_slice())
    }

    fn joined(&self, name: &str) -> Vec<u8> {
        let values = self.fields.iter().filter(|(each, _)| each == name).map(|(_, value)| value.as_slice());
        values.collect::<Vec<_>>().join(&b", "[..])
    }
}

/// One request that fills `bytes` exactly.
pub fn read_request(bytes: &[u8]) -> Result<Seen, String> {
    let (line, mut seen, rest) = read_head(bytes)?;
    let words: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
    let [method, target, b"HTTP/1.1"] = words[..] else {
        return Err(format!("request line {}", line.escape_ascii()));
    };
    let visible = |b: &u8| (0x21..0x7f).contains(b) && *b != b'#';
    if method.is_empty() || !method.iter().all(is_token_byte) || target.is_empty() || !target.iter().all(visible) {
        return Err(format!("request line {}", line.escape_ascii()));
    }
    if !(target.starts_with(b"/") || target == b"*" && method == b"OPTIONS") {
        return Err(format!("target {}", target.escape_ascii()));
    }
    let host = seen.value("host").ok_or("no Host")?;
    if host.is_empty() || host.iter().any(|b| !(b.is_ascii_alphanumeric() || b"-._~:[]".contains(b))) {
        return Err(format!("Host {}", host.escape_ascii()));
    }
    let is_alias = |name: &str| {
        let aliases = ["content-length", "transfer-encoding", "x-forwarded-for", "x-request-id"];
        name.contains('_') && aliases.contains(&name.replace('_', "-").as_str())
    };
    if let Some((name, _)) = seen.fields.iter().find(|(name, _)| is_alias(name)) {
        return Err(format!("the alias {name} was forwarded"));
    }
    let default = if seen.count("transfer-encoding") + seen.count("content-length") == 0 { Some(0) } else { None };
    seen.body = read_body(&seen, rest, default)?;
    Ok(seen)
}

/// One final response that fills `bytes` exactly.
pub fn read_response(bytes: &[u8], to_head: bool) -> Result<Seen, String> {
    let (line, mut seen, rest) = read_head(bytes)?;
    let rest_of_line = line.strip_prefix(b"HTTP/1.1 ").ok_or("status line")?;
    let (status, reason) = rest_of_line.split_at_checked(3).ok_or("status line")?;
    if !status.iter().all(u8::is_ascii_digit) || reason.first() != Some(&b' ') {
        return Err(format!("status line {}", line.escape_ascii()));
    }
    let bodiless = to_head || status == b"204" || status == b"304";
    if status == b"204" && seen.count("content-length") + seen.count("transfer-encoding") > 0 {
        return Err("a 204 with framing".to_owned());
    }
    seen.body = read_body(&seen, rest, bodiless.then_some(0))?;
    Ok(seen)
}

fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// Start line, fields, what follows.
fn read_head(bytes: &[u8]) -> Result<(Vec<u8>, Seen, &[u8]), String> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    loop {
        let (line, after) = read_line(rest)?;
        rest = after;
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let (start, fields) = lines.split_first().ok_or("no start line")?;
    let fields = fields.iter().map(|line| read_field(line)).collect::<Result<Vec<_>, _>>()?;
    Ok((start.to_vec(), Seen { fields, body: Vec::new() }, rest))
}

/// A line that ends with CRLF and holds neither CR, LF nor another control but HTAB.
fn read_line(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").ok_or("a line without end")?;
    match bytes[..end].iter().find(|b| b.is_ascii_control() && **b != b'\t') {
        Some(byte) => Err(format!("byte {byte:#x} in the line {}", bytes[..end].escape_ascii())),
        None => Ok((&bytes[..end], &bytes[end + 2..])),
    }
}

fn read_field(line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let colon = line.iter().position(|&b| b == b':').ok_or("a field without colon")?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(is_token_byte) {
        return Err(format!("field name {}", name.escape_ascii()));
    }
    let name: String = name.iter().map(|b| char::from(b.to_ascii_lowercase())).collect();
    if ["keep-alive", "proxy-connection", "http2-settings"].contains(&name.as_str()) {
        return Err(format!("the field {name} was forwarded"));
    }
    let value: &[u8] = value.strip_prefix(b" ").ok_or("a value without blank before it")?;
    Ok((name, value.to_vec()))
}

/// `fixed`: the length when no field counts.
fn read_body(seen: &Seen, rest: &[u8], fixed: Option<usize>) -> Result<Vec<u8>, String> {
    let (lengths, codings) = (seen.count("content-length"), seen.count("transfer-encoding"));
    if lengths + codings > 1 {
        return Err(format!("{lengths} lengths and {codings} codings"));
    }
    if let Some(length) = fixed {
        return exactly(rest, length);
    }
    if codings == 1 {
        return if seen.joined("transfer-encoding") == b"chunked" { read_chunks(rest) } else { Err("coding".into()) };
    }
    let text = String::from_utf8(seen.joined("content-length")).map_err(|e| e.to_string())?;
    let length: usize = text.parse().map_err(|_| format!("length {text:?}"))?;
    if length.to_string() != text {
        return Err(format!("length {text:?} is not in normal form"));
    }
    exactly(rest, length)
}

fn exactly(rest: &[u8], length: usize) -> Result<Vec<u8>, String> {
    if rest.len() == length { Ok(rest.to_vec()) } else { Err(format!("{} bytes for {length}", rest.len())) }
}

fn read_chunks(mut rest: &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        let (size, after) = read_line(rest)?;
        let size = std::str::from_utf8(size).map_err(|e| e.to_string())?;
        let length = usize::from_str_radix(size, 16).map_err(|_| format!("chunk size {size:?}"))?;
        if format!("{length:x}") != size {
            return Err(format!("chunk size {size:?} is not in normal form"));
        }
        rest = after;
        if length == 0 {
            break;
        }
        let (data, after) = rest.split_at_checked(length).ok_or("a chunk is cut short")?;
        body.extend_from_slice(data);
        rest = after.strip_prefix(b"\r\n").ok_or("a chunk without end")?;
    }
    loop {
        let (line, after) = read_line(rest)?;
        rest = after;
        if line.is_empty() {
            return if rest.is_empty() { Ok(body) } else { Err("bytes after the last chunk".to_owned()) };
        }
        let (name, _) = read_field(line)?;
        if ["content-length", "transfer-encoding", "host", "connection", "cookie", "trailer"].contains(&name.as_str()) {
            return Err(format!("the trailer {name} was forwarded"));
        }
    }
}
