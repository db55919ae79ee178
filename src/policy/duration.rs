//! Durations as policies write them: `90s`, `30m`, `12h`, `7d`, `2w`.

use super::reader::{Cursor, Reader};
use crate::verdict::Code;

/// Ten years: whoever means more means no limit.
const MOST: i64 = 10 * 366 * 86_400;

/// Whole seconds, more than none.
pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<i64> {
    let text = r.text(at)?;
    let seconds = parse(text);
    if seconds.is_none() {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            format!("`{text}` is not a duration such as `90s`, `30m`, `12h`, `7d` or `2w`"),
        );
    }
    seconds
}

fn parse(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds = number.parse::<i64>().ok()?.checked_mul(unit)?;
    (1..=MOST).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_have_one_number_and_one_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
        assert_eq!(parse("2w"), parse("14d"));
        for text in
            ["", "7", "d", "0d", "-1d", "+1d", "1.5h", "7 d", "7D", "1d12h", "99999999999d", "7дd"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
