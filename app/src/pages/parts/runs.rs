//! Names and colours of runs, and searches for them. A run's number determines its colour, so that it stays the same whatever else
//! is selected or deleted.

use crate::pages::prelude::*;

/// A run's number and title, since titles may repeat; its name if it has no title.
pub fn called(run: &RunSummary) -> String {
    match (run.title.as_str(), run.name.split_once('-')) {
        ("", _) => run.name.clone(),
        (title, Some((number, _))) => format!("{number} · {title}"),
        (title, None) => title.to_owned(),
    }
}

/// Whether name, title, tags or note contain every word of a search, ignoring case. True for an empty search.
pub fn holds(run: &RunSummary, search: &str) -> bool {
    let texts = [&run.name, &run.title, &run.notes].into_iter().chain(&run.tags);
    let all: Vec<&String> = texts.collect();
    search.split_whitespace().all(|word| all.iter().any(|text| !places(text, word).is_empty()))
}

/// A run's colour, and whether its line is dashed: after six runs the colours repeat with dashes. The two colours of the run in
/// training come last.
pub fn run_colour(palette: &Palette, name: &str) -> (Color32, bool) {
    let [training, validation, first, second, third, fourth] = palette.series;
    let colours = [first, second, third, fourth, training, validation];
    let place = number(name).saturating_sub(1);
    (colours[place % colours.len()], (place / colours.len()) % 2 == 1)
}

/// The number at the start of a run's name, or one derived from its characters.
fn number(name: &str) -> usize {
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| name.bytes().map(usize::from).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::DARK;

    #[test]
    fn a_run_is_called_by_its_title_and_found_by_all_that_a_person_gave_it() {
        let mut run = RunSummary { name: "3-llama-tiny".to_owned(), ..RunSummary::default() };
        assert_eq!(called(&run), "3-llama-tiny");
        run.title = "Owls by night".to_owned();
        (run.tags, run.notes) = (vec!["birds".to_owned()], "Rate halved.".to_owned());
        assert_eq!(called(&run), "3 · Owls by night");
        for search in ["", "  ", "LLAMA", "night owls", "bird rate", "3-"] {
            assert!(holds(&run, search), "{search}");
        }
        assert!(!holds(&run, "owls by day"));
    }

    #[test]
    fn a_runs_colour_follows_from_its_number_alone() {
        let of = |name: &str| run_colour(&DARK, name);
        assert_eq!(of("3-llama-tiny"), of("3-first-stories"));
        let first: Vec<_> = (1..=6).map(|number| of(&format!("{number}-a")).0).collect();
        for (place, colour) in first.iter().enumerate() {
            assert!(!first[place + 1..].contains(colour), "two of six runs look alike");
        }
        assert_eq!(of("1-a").0, of("7-a").0);
        assert_ne!(of("1-a").1, of("7-a").1, "the seventh is dashed");
        assert_eq!(of("imported"), of("imported"));
    }
}
