//! The variants of a kernel, from one line of its head comment:
//!
//! ```text
//! // variants: tier=software|tiled vec4? bias?
//! ```
//!
//! `name?` is a feature that is on or off; `name=a|b` is a choice of exactly one. The kernel is built for every
//! combination; inside it `@if(bias)` asks for a feature. Without such a line there is one variant.
//!
//! Lines like `// needs: gate|rope with vec4|half_out` leave out the combinations that have a feature of the first list and none of the second.
//!
//! A choice that ends in `subgroup` is native: builds for a browser, which never takes it, are without it, and whoever asks for it
//! there is given the choice before it.

use crate::Outcome;

/// One thing that varies.
#[derive(Debug)]
pub enum Axis {
    /// A feature that is on or off.
    Switch(String),
    /// One feature out of several: the axis' name, theirs, and how many of them are built.
    Choice(String, Vec<String>, usize),
}

/// The choice that is native.
const SUBGROUP: &str = "subgroup";

/// Reads the line, for a build that is native or for a browser.
pub fn axes(text: &str, native: bool) -> Outcome<Vec<Axis>> {
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("// variants:")) else {
        return Ok(Vec::new());
    };
    line.split_whitespace().map(|word| axis(word, native)).collect()
}

fn axis(word: &str, native: bool) -> Outcome<Axis> {
    let named = |name: &str| {
        let fine =
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if fine { Ok(name.to_owned()) } else { Err(format!("`{word}` is no variant axis")) }
    };
    if let Some(name) = word.strip_suffix('?') {
        return Ok(Axis::Switch(named(name)?));
    }
    match word.split_once('=') {
        Some((name, choices)) => {
            let choices: Vec<String> = choices.split('|').map(named).collect::<Outcome<_>>()?;
            let built = match choices.iter().position(|choice| choice == SUBGROUP) {
                Some(at) if at == 0 || at + 1 < choices.len() => {
                    return Err(format!("`{word}`: subgroup comes last, after what takes its place"));
                }
                Some(at) if !native => at,
                _ => choices.len(),
            };
            Ok(Axis::Choice(named(name)?, choices, built))
        }
        None => Err(format!("`{word}` is neither `name?` nor `name=a|b`")),
    }
}

/// What features need to go with them.
#[derive(Debug)]
pub struct Need {
    these: Vec<String>,
    with: Vec<String>,
}

impl Need {
    /// Whether a combination has what it needs.
    fn admits(&self, features: &[String]) -> bool {
        let has = |names: &[String]| names.iter().any(|name| features.contains(name));
        !has(&self.these) || has(&self.with)
    }
}

/// Reads the lines about needs, whose names must be those of `axes`.
pub fn needs(text: &str, axes: &[Axis]) -> Outcome<Vec<Need>> {
    let known = every_feature(axes);
    let names = |list: &str| -> Outcome<Vec<String>> {
        let names: Vec<String> = list.split('|').map(|name| name.trim().to_owned()).collect();
        match names.iter().find(|name| !known.contains(name)) {
            Some(name) => Err(format!("`{name}` is needed or in need, and no feature")),
            None => Ok(names),
        }
    };
    let lines = text.lines().filter_map(|line| line.strip_prefix("// needs:"));
    lines
        .map(|line| match line.split_once(" with ") {
            Some((these, with)) => Ok(Need { these: names(these)?, with: names(with)? }),
            None => Err(format!("`{line}` does not say what goes with what")),
        })
        .collect()
}

/// All features that a kernel asks about.
pub fn every_feature(axes: &[Axis]) -> Vec<String> {
    let of = |axis: &Axis| match axis {
        Axis::Switch(name) => vec![name.clone()],
        Axis::Choice(_, names, _) => names.clone(),
    };
    axes.iter().flat_map(of).collect()
}

/// Every combination, in the order that the generated selector counts them: the first axis varies slowest; `None` where it lacks what it needs.
pub fn combinations(axes: &[Axis], needs: &[Need]) -> Vec<Option<Vec<String>>> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        let values: Vec<Option<&String>> = match axis {
            Axis::Switch(name) => vec![None, Some(name)],
            Axis::Choice(_, names, built) => names.iter().take(*built).map(Some).collect(),
        };
        all = all
            .into_iter()
            .flat_map(|features: Vec<String>| {
                values.iter().map(move |value| features.iter().chain(*value).cloned().collect())
            })
            .collect();
    }
    let fine = |features: &Vec<String>| needs.iter().all(|need| need.admits(features));
    all.into_iter().map(|features| Some(features).filter(fine)).collect()
}
