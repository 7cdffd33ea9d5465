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

/// A run in a list to choose from: what it is called, its validation loss, and its number of parameters.
pub fn offered(run: &RunSummary) -> String {
    let loss = run.validation().map(|shown| format!("validation {}", format::loss_of(run, shown.loss)));
    let size = (run.parameters > 0).then(|| format::count(run.parameters));
    [Some(called(run)), loss, size].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Base, tags, changed settings and shape of each of several runs in words, the rarest first: what distinguishes a run precedes what
/// others have too.
pub fn distinctions(runs: &[RunSummary]) -> Vec<Vec<String>> {
    let words = |run: &RunSummary| -> Vec<String> {
        let from = run.start.as_ref().map(|start| format!("from {start}"));
        let shape = run.shape.split(" · ").filter(|word| !word.is_empty()).map(str::to_owned);
        from.into_iter().chain(run.tags.clone()).chain(run.changes.clone()).chain(shape).collect()
    };
    let mut all: Vec<_> = runs.iter().map(words).collect();
    let mut counts = BTreeMap::<String, usize>::new();
    all.iter().flatten().for_each(|word| *counts.entry(word.clone()).or_default() += 1);
    all.iter_mut().for_each(|words| words.sort_by_key(|word| counts.get(word)));
    all
}

/// Whether name, title, tags, changed settings or note contain every word of a search, ignoring case. True for an empty search.
pub fn holds(run: &RunSummary, search: &str) -> bool {
    let texts = [&run.name, &run.title, &run.notes].into_iter().chain(&run.tags).chain(&run.changes);
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
        assert_eq!(offered(&run), "3 · Owls by night");
        (run.best_val_loss, run.parameters) = (Some(1.8407), 3_214_592);
        assert_eq!(offered(&run), "3 · Owls by night · validation 1.841 · 3.21 M");
        for search in ["", "  ", "LLAMA", "night owls", "bird rate", "3-"] {
            assert!(holds(&run, search), "{search}");
        }
        assert!(!holds(&run, "owls by day"));
    }

    #[test]
    fn what_distinguishes_a_run_comes_first() {
        let run = |changes: &[&str], shape: &str| RunSummary {
            changes: changes.iter().map(|change| (*change).to_owned()).collect(),
            shape: shape.to_owned(),
            ..RunSummary::default()
        };
        let runs = [
            run(&["steps 200", "learning rate 0.001"], "4 layers · width 128"),
            run(&["steps 200"], "4 layers · width 256"),
            run(&["steps 200", "learning rate 0.001"], "4 layers · width 128"),
            RunSummary::default(),
        ];
        let first = "learning rate 0.001, width 128, steps 200, 4 layers";
        let found = distinctions(&runs).into_iter().map(|words| words.join(", "));
        assert_eq!(found.collect::<Vec<_>>(), [first, "width 256, steps 200, 4 layers", first, ""]);
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
