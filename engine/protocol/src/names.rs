//! Names of variants, and nearest-name suggestions for misspelt presets, settings and subcommands.

/// Inside an enum's `impl`: `name`, `named`, and `ALL`, which omits the variants after a semicolon.
#[macro_export]
macro_rules! named {
    ($($variant:ident = $name:literal),+ $(; $($other:ident = $other_name:literal),+)?) => {
        /// In the order of menus and help.
        pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

        /// The name in settings, files and commands.
        pub fn name(self) -> &'static str {
            match self {
                $(Self::$variant => $name,)+
                $($(Self::$other => $other_name,)+)?
            }
        }

        /// The variant of this name. The error is "unknown WHAT", with the nearest name.
        pub fn named(what: &str, name: &str) -> Result<Self, String> {
            let known = || Self::ALL.into_iter().map(Self::name);
            let found = Self::ALL.into_iter().find(|variant| variant.name() == name);
            found.ok_or_else(|| $crate::names::unknown(what, name, known()))
        }
    };
}
pub use named;

/// The known name most similar to `name`, if any is similar enough.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// "unknown preset `nanogtp`; did you mean `nanogpt-cpu`? Known: …".
pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let list = known.join(", ");
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("unknown {what} `{name}`; did you mean `{meant}`? Known: {list}"),
        None => format!("unknown {what} `{name}`. Known: {list}"),
    }
}

/// Appends "did you mean" to serde's messages "unknown field `x`, expected one of `a`, `b`" and "unknown variant …".
pub fn with_suggestion(message: &str) -> String {
    let Some(start) = message.find("unknown field `").or_else(|| message.find("unknown variant `")) else {
        return message.trim_end().to_owned();
    };
    let quoted: Vec<&str> = message.get(start..).unwrap_or_default().split('`').skip(1).step_by(2).collect();
    let suggestion = quoted
        .split_first()
        .and_then(|(name, known)| nearest(name, known.iter().copied()))
        .map(|meant| format!("; did you mean `{meant}`?"))
        .unwrap_or_default();
    format!("{}{suggestion}", message.trim_end())
}
