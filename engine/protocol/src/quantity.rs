//! Formatting of quantities for display, for the engine's messages and the front ends.

/// Placeholder for a number that is missing or not finite.
pub const NOTHING: &str = "–";

/// Bytes, in powers of 1000: `812 B`, `4.1 MB`, `124 GB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    if value < 1000 {
        return format!("{value} B");
    }
    let unit = (1..UNITS.len()).rev().find(|unit| value as f64 >= 999.5 * 1000_f64.powi(*unit as i32 - 1));
    let unit = unit.unwrap_or(1);
    let figures = value as f64 / 1000_f64.powi(unit as i32);
    if figures < 99.95 {
        format!("{figures:.1} {}", UNITS[unit])
    } else {
        format!("{figures:.0} {}", UNITS[unit])
    }
}

/// A number with its unit in the singular or plural: `1 step`, `1,200 steps`.
pub fn counted(number: u64, thing: &str) -> String {
    format!("{} {}", whole(number), things(number, thing))
}

/// The unit in the singular or plural: `step`, `steps`.
pub fn things(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{thing}{ending}")
}

/// A whole number with thousands separators: `1,200`.
pub fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats with three significant figures.
fn three(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 99.95 => format!("{value:.0}"),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Scales to three figures and a unit index. Steps are always 1000, as for disks and device memory.
fn scaled(value: f64, units: &[&str]) -> Option<(String, usize)> {
    if !value.is_finite() {
        return None;
    }
    let mut value = value;
    let mut unit = 0;
    // 999.5 would read `1000`.
    while value.abs() >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    Some((three(value), unit))
}

const COUNTS: [&str; 6] = ["", " k", " M", " B", " T", " P"];

/// A count: `812`, `1.23 M`, `124 M`.
pub fn count(value: u64) -> String {
    match value {
        0..1000 => value.to_string(),
        _ => quantity(value as f64),
    }
}

/// A quantity that need not be whole: `3.20 k`.
pub fn quantity(value: f64) -> String {
    match scaled(value, &COUNTS) {
        Some((figures, unit)) => format!("{figures}{}", COUNTS[unit]),
        None => NOTHING.to_owned(),
    }
}

/// Tokens per second, if known: `34.5 k tok/s`.
pub fn tokens_per_second(value: impl Into<Option<f64>>) -> String {
    format!("{} tok/s", value.into().map_or_else(|| NOTHING.to_owned(), quantity))
}

/// Floating-point operations: `1.20 TFLOP`.
pub fn flop(value: f64) -> String {
    const UNITS: [&str; 8] = ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP", "ZFLOP"];
    match scaled(value, &UNITS) {
        Some((figures, unit)) => format!("{figures} {}", UNITS[unit]),
        None => NOTHING.to_owned(),
    }
}

/// Floating-point operations per second: `1.20 TFLOP/s`.
pub fn flops(value: f64) -> String {
    match flop(value) {
        text if text == NOTHING => text,
        text => format!("{text}/s"),
    }
}

/// Milliseconds: `4.20 µs`, `0.42 ms`, `31.0 ms`, `1.20 s`.
pub fn milliseconds(value: f64) -> String {
    if !value.is_finite() {
        NOTHING.to_owned()
    } else if value >= 999.5 {
        format!("{} s", three(value / 1000.0))
    } else if value > 0.0 && value < 0.0995 {
        // As milliseconds with two decimals, there would be only one significant figure or none.
        format!("{} µs", three(value * 1000.0))
    } else {
        format!("{} ms", three(value))
    }
}

/// Numbers of very different sizes, such as learning rates, with two significant digits: `3e-4`, `0.0014`, `1`.
pub fn scientific(value: f64) -> String {
    let text = format!("{value:.1e}");
    match text.parse::<f64>() {
        _ if !value.is_finite() => NOTHING.to_owned(),
        _ if value == 0.0 => "0".to_owned(),
        Ok(rounded) if (1e-3..1e3).contains(&rounded.abs()) => rounded.to_string(),
        _ => text.replace(".0e", "e"),
    }
}

/// A number with about four significant digits: `0.8123`, `12.35`, `1,204`, `3.1e−5`.
pub fn figures(value: impl Into<f64>) -> String {
    let value = value.into();
    match value.abs() {
        _ if !value.is_finite() => NOTHING.to_owned(),
        0.0 => "0".to_owned(),
        size if size < 0.0005 => format!("{value:.1e}"),
        size if size < 10.0 => format!("{value:.4}"),
        size if size < 100.0 => format!("{value:.2}"),
        size if size < 999.95 => format!("{value:.1}"),
        size if size < 1e15 => {
            format!("{}{}", if value < 0.0 { "-" } else { "" }, whole(size.round() as u64))
        }
        _ => format!("{value:.2e}"),
    }
    .replace('-', "−")
}

/// Seconds as `0.4 s`, `42 s`, `2 min 10 s`, `3 h 5 min`, `2 d 4 h`, `3 y 40 d`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NOTHING.to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let seconds = seconds.round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        86_400..31_536_000 => format!("{days} d {} h", hours % 24),
        _ => format!("{} y {} d", whole(days / 365), days % 365),
    }
}

/// A device as runs record it, with the CPU named as in the top bar.
pub fn device(recorded: &str) -> String {
    recorded.strip_prefix("cpu").map_or_else(|| recorded.to_owned(), |rest| format!("CPU{rest}"))
}

/// The words with a capital letter first.
pub fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A fraction as a percentage: `12.3 %`. Small fractions are never shown as 0, nor fractions below 1 as 100: `0.04 %`, `under 0.01 %`,
/// `over 99.9 %`.
pub fn percent(share: impl Into<f64>) -> String {
    let cent = share.into() * 100.0;
    match cent.abs() {
        _ if !cent.is_finite() => NOTHING.to_owned(),
        0.0 => "0 %".to_owned(),
        _ if (0.0..0.01).contains(&cent) => "under 0.01 %".to_owned(),
        size if size < 0.995 => format!("{cent:.2} %"),
        _ if (99.95..100.0).contains(&cent) => "over 99.9 %".to_owned(),
        size if size >= 100.0 => format!("{cent:.0} %"),
        _ => format!("{cent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_take_the_prefix_of_their_size() {
        let cases = [
            (0, "0"),
            (812, "812"),
            (1000, "1.00 k"),
            (1_234_567, "1.23 M"),
            (12_345_678, "12.3 M"),
            (124_000_000, "124 M"),
            (999_499, "999 k"),
            (999_500, "1.00 M"),
            (7_000_000_000, "7.00 B"),
        ];
        for (value, text) in cases {
            assert_eq!(count(value), text);
        }
        assert_eq!((quantity(f64::NAN), quantity(9.996)), (NOTHING.to_owned(), "10.0".to_owned()));
    }

    #[test]
    fn whole_numbers_are_grouped_by_thousands() {
        for (value, text) in [(0, "0"), (999, "999"), (1200, "1,200"), (1_234_567, "1,234,567")] {
            assert_eq!(whole(value), text);
        }
    }

    #[test]
    fn rates_and_sizes_carry_their_unit() {
        assert_eq!(tokens_per_second(34_512.0), "34.5 k tok/s");
        assert_eq!(tokens_per_second(None::<f64>), "– tok/s");
        assert_eq!(flops(1.2e12), "1.20 TFLOP/s");
        assert_eq!([2.3e19, 4.5e22].map(flop), ["23.0 EFLOP", "45.0 ZFLOP"]);
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(4_100_000_000), "4.1 GB");
        assert_eq!(bytes(999_600), "1.0 MB");
        assert_eq!(bytes(124_400_000), "124 MB");
        assert_eq!(milliseconds(0.4217), "0.42 ms");
        assert_eq!(
            [0.0042, 0.031, 0.0995, 0.0].map(milliseconds),
            ["4.20 µs", "31.0 µs", "0.10 ms", "0.00 ms"]
        );
        assert_eq!(milliseconds(1204.0), "1.20 s");
        assert_eq!([3e-4, 1.23e-4, 0.0, f64::INFINITY].map(scientific), ["3e-4", "1.2e-4", "0", NOTHING]);
        assert_eq!(
            [1.0, 0.001, -0.0149, 0.000_999_9, 120.0, 5e12].map(scientific),
            ["1", "0.001", "-0.015", "0.001", "120", "5e12"]
        );
    }

    #[test]
    fn a_small_share_is_not_none_and_one_below_1_is_not_all() {
        let shares = [0.1234, 0.0, 0.000_04, 0.0042, 0.005, 0.9999, 1.0, f64::NAN, -0.25];
        let words =
            ["12.3 %", "0 %", "under 0.01 %", "0.42 %", "0.50 %", "over 99.9 %", "100 %", NOTHING, "-25.0 %"];
        assert_eq!(shares.map(percent), words);
        assert_eq!([-0.0042, -0.9997, -1.0].map(percent), ["-0.42 %", "-100.0 %", "-100 %"]);
    }

    #[test]
    fn numbers_have_four_digits() {
        assert_eq!(
            [0.0, 1.0, 0.000_04, 12.345, 123.45, 1204.4, -3.5, -2500.0].map(figures).join(" "),
            "0 1.0000 4.0e−5 12.35 123.5 1,204 −3.5000 −2,500"
        );
        assert_eq!(figures(f64::NAN), NOTHING);
    }

    #[test]
    fn durations_read_as_people_say_them() {
        let cases = [
            (0.42, "0.4 s"),
            (9.96, "10 s"),
            (59.4, "59 s"),
            (59.6, "1 min 0 s"),
            (130.0, "2 min 10 s"),
            (11_100.0, "3 h 5 min"),
            (187_200.0, "2 d 4 h"),
            (31_535_000.0, "364 d 23 h"),
            (31_536_000.0, "1 y 0 d"),
            (252_409.0 * 86_400.0 + 32_400.0, "691 y 194 d"),
            (1e12, "31,709 y 289 d"),
            (f64::NAN, NOTHING),
            (-1.0, NOTHING),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }
}
