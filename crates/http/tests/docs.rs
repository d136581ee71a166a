//! The page of refusals says what the code says.

use steelyard_http::Reason;

#[test]
fn the_page_of_refusals_lists_every_reason() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/refusals.md");
    let page = std::fs::read_to_string(path).unwrap();
    // The first table is of what this crate refuses; those after it are of the service.
    let table = page.lines().skip_while(|line| !line.starts_with("| `"));
    let rows: Vec<&str> = table.take_while(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = Reason::ALL
        .iter()
        .map(|reason| format!("| `{}` | {} | {} |", reason.name(), reason.status(), reason.sentence()))
        .collect();
    assert_eq!(rows, expected, "{path} should hold these rows:\n{}", expected.join("\n"));
}
