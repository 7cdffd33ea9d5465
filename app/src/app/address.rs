//! Start options in the address: `?page=train&preset=nanogpt-cpu&seed=1&device=gpu&embed=1`,
//! `?page=inspect&view=attention&layer=2&prompt=One+day`, `?page=features&feature=17`, `?lesson=3&preset=…`. A page in a browser reads its own address.

use super::*;
use crate::pages::features::Wish as FeaturesWish;
use crate::pages::inspect::Wish;
use glasshouse_protocol::View;
use std::str::FromStr;

const MAX_PROMPT_CHARACTERS: usize = 10_000;

/// What an address says: start options, and problems with its parameters, one line each.
#[derive(Debug, Default)]
pub struct Address {
    pub start: AppOptions,
    pub problems: Vec<String>,
}

impl Address {
    /// Reads the address; `parameter` returns a parameter's value.
    pub fn read(parameter: impl Fn(&str) -> Option<String>) -> Self {
        let mut problems = Vec::new();
        let [seed, step] = ["seed", "step"].map(|name| number(&parameter, &mut problems, name, ""));
        let [layer, head, feature] =
            ["layer", "head", "feature"].map(|name| number(&parameter, &mut problems, name, ""));
        let lesson = number(&parameter, &mut problems, "lesson", " from 1");
        let page = parameter("page").and_then(|word| {
            let page = PageName::from_key(&word);
            if page.is_none() {
                let known = PageName::ALL.map(PageName::key).join(", ");
                problems.push(format!("The URL has the unknown page {word:?}; known pages: {known}."));
            }
            page
        });
        let preset = parameter("preset").and_then(|name| {
            let known = presets::preset(&name).map(|_| name);
            known.map_err(|problem| problems.push(format!("The preset in the URL: {problem}."))).ok()
        });
        let view = parameter("view").and_then(|name| {
            let view = name.parse::<View>();
            view.map_err(|problem| problems.push(format!("The view in the URL: {problem}."))).ok()
        });
        let prompt = parameter("prompt").filter(|prompt| {
            let fits = prompt.chars().count() <= MAX_PROMPT_CHARACTERS;
            if !fits {
                let most = MAX_PROMPT_CHARACTERS;
                problems.push(format!("The URL has a prompt of more than {most} characters."));
            }
            fits
        });
        // A preset's only use is to train it.
        let page = page.or(lesson.map(|_| PageName::Learn)).or(preset.as_ref().map(|_| PageName::Train));
        let completion = parameter("completion").unwrap_or_default();
        let features = match page {
            Some(PageName::Features) => FeaturesWish { feature, prompt: prompt.clone(), completion },
            _ => FeaturesWish::default(),
        };
        let start = AppOptions {
            page: page.or(view.map(|_| PageName::Inspect)),
            preset,
            seed,
            lesson,
            device: parameter("device"),
            // On the machine that serves the page for its own engine.
            project: parameter("folder").filter(|folder| !folder.is_empty()),
            embed: parameter("embed").is_some_and(|embed| embed != "0"),
            features,
            inspect: Wish { view, prompt, layer, head, step, ..Wish::default() },
            ..AppOptions::default()
        };
        Self { start, problems }
    }
}

/// A number among the parameters. If it is none, that is a problem.
fn number<T: FromStr>(
    parameter: impl Fn(&str) -> Option<String>,
    problems: &mut Vec<String>,
    name: &str,
    range: &str,
) -> Option<T> {
    let text = parameter(name)?;
    let number = text.parse().ok();
    if number.is_none() {
        problems.push(format!("The URL has the {name} {text:?}; a {name} is a whole number{range}."));
    }
    number
}

impl App {
    /// Applies a new address while the application runs: page, preset and seed.
    pub fn follow(&mut self, Address { start, problems }: &Address) {
        self.page = start.page.unwrap_or(self.page);
        self.pages.features.wish(start.features.clone());
        self.pages.inspect.wish(start.inspect.clone());
        if let Some(number) = start.lesson {
            self.pages.learn.open(number);
        }
        match &start.preset {
            // Its project brings them when opened.
            Some(preset) => {
                (self.start.preset, self.start.seed) = (Some(preset.clone()), start.seed);
                self.open_for(preset);
            }
            None => self.drafts.train.seed = start.seed.unwrap_or(self.drafts.train.seed),
        }
        self.complain(problems);
    }

    pub fn complain(&mut self, problems: &[String]) {
        for problem in problems {
            self.state.say(None, ErrorKind::Invalid, problem.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Link;
    use crate::preferences::Preferences;
    use glasshouse_protocol::{
        Command, DeviceSummary, Drafts, Envelope, Event, OpenedProject, ProjectSummary, Report,
        StorageSummary, answer, message,
    };

    fn read(pairs: &[(&str, &str)]) -> Address {
        Address::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn app(start: AppOptions) -> App {
        App::new(Link::script(), Preferences::default(), start).unwrap()
    }

    fn project(name: &str) -> ProjectSummary {
        ProjectSummary { id: format!("{name}-id"), name: name.to_owned(), ..ProjectSummary::default() }
    }

    fn storage(place: &str) -> StorageSummary {
        StorageSummary { place: place.to_owned(), lasting: true, used: None, quota: None }
    }

    #[test]
    fn an_address_opens_a_page_with_a_preset_and_a_seed() {
        let pairs = [("page", "train"), ("preset", "nanogpt-cpu"), ("seed", "7"), ("embed", "1")];
        let Address { start, problems } = read(&[&pairs[..], &[("device", "gpu")]].concat());
        assert!(problems.is_empty() && start.embed, "{problems:?}");
        assert_eq!(start.device.as_deref(), Some("gpu"));
        let app = app(start);
        assert_eq!((app.start.embed, app.page, app.drafts.train.seed), (true, PageName::Train, 7));
        assert_eq!(read(&[("preset", "nanogpt-cpu")]).start.page, Some(PageName::Train));
        let empty = read(&[]);
        assert!(empty.start.page.is_none() && !empty.start.embed && empty.problems.is_empty());
    }

    /// The commands that an app sends once it knows the projects of these names.
    fn opening(start: AppOptions, names: &[&str], follow: Option<&Address>) -> (App, Vec<Command>) {
        let mut app = app(start);
        let projects = names.iter().copied().map(project).collect();
        send(&mut app, Event::Projects { projects, storage: storage("here") });
        if let Some(address) = follow {
            app.follow(address);
            app.send();
        }
        let Link::Script { sent, .. } = &app.link else { panic!("a script") };
        let sent = sent.iter().map(|envelope| envelope.body.command.clone()).collect();
        (app, sent)
    }

    fn send(app: &mut App, event: Event) {
        let Link::Script { reports, .. } = &mut app.link else { panic!("a script") };
        reports.push_back(Envelope::plain(Report { request: None, event }));
        app.receive();
    }

    #[test]
    fn a_permalink_opens_a_project_of_its_own_ready_to_train() {
        let address = || read(&[("preset", "nanogpt-cpu"), ("seed", "7")]);
        let model = |name: &str| presets::preset(name).unwrap().model;
        let make = Command::create("nanogpt-cpu");
        let open = Command::OpenProject { id: "nanogpt-cpu-id".to_owned() };
        let (mut app, sent) = opening(address().start, &["Owls"], None);
        assert!(sent.contains(&make), "{sent:?}");
        let (project, drafts) =
            (project("nanogpt-cpu"), Drafts::new(presets::preset("first-stories").unwrap()));
        let opened = OpenedProject { opening: 1, project, drafts, tokenizer: None, runs: Vec::new() };
        send(&mut app, Event::Project { opened: Some(Box::new(opened)) });
        assert_eq!((app.page, app.drafts.train.seed), (PageName::Train, 7));
        assert_eq!(app.drafts.train.model, model("nanogpt-cpu"));
        // A reload opens the project made before.
        let (_, sent) = opening(address().start, &["Owls", "nanogpt-cpu"], None);
        assert!(sent.contains(&open) && !sent.contains(&make), "{sent:?}");
        // The same in a running app; the open project's settings do not change.
        let (app, sent) = opening(AppOptions::default(), &["Owls"], Some(&address()));
        assert!(sent.contains(&make), "{sent:?}");
        assert_eq!((app.page, app.drafts.train.model), (PageName::Train, model("first-stories")));
        assert!(app.state.messages.is_empty());
    }

    #[test]
    fn an_embedded_view_leaves_the_last_project() {
        for embed in [false, true] {
            let (mut app, _) = opening(AppOptions { embed, ..AppOptions::default() }, &["Owls"], None);
            let drafts = Drafts::new(presets::preset("first-stories").unwrap());
            let (project, runs) = (project("Owls"), Vec::new());
            let opened = OpenedProject { opening: 1, project, drafts, tokenizer: None, runs };
            send(&mut app, Event::Project { opened: Some(Box::new(opened)) });
            assert_eq!(app.preferences.project.is_none(), embed);
        }
    }

    #[test]
    fn lost_projects_are_said() {
        for (last, place, embed, projects, said) in [
            (Some("owls-1"), StorageSummary::BROWSER, false, vec![], 1),
            (Some("owls-1"), StorageSummary::BROWSER, false, vec![ProjectSummary::default()], 0),
            (Some("owls-1"), StorageSummary::BROWSER, true, vec![], 0),
            (Some("owls-1"), "/another/shelf", false, vec![], 0),
            (None, StorageSummary::BROWSER, false, vec![], 0),
        ] {
            let mut app = app(AppOptions { embed, ..AppOptions::default() });
            app.preferences.project = last.map(str::to_owned);
            let (device, app_version, storage) = (DeviceSummary::default(), String::new(), storage(place));
            let (version, automatic) = (message::VERSION, true);
            let ready = answer::Ready { version, app_version, device, automatic, storage: storage.clone() };
            send(&mut app, Event::Ready(ready));
            send(&mut app, Event::Projects { projects, storage });
            assert_eq!(app.state.messages.len(), said, "{last:?} in {place}");
        }
    }

    #[test]
    fn what_an_address_cannot_have_is_said() {
        let address = read(&[("page", "kitchen"), ("preset", "gpt-9"), ("seed", "-1"), ("embed", "0")]);
        assert_eq!(address.problems.len(), 3);
        assert!(!address.start.embed);
        let mut app = app(AppOptions::default());
        app.follow(&address);
        let said: Vec<&str> =
            app.state.messages.iter().map(|message| message.error.message.as_str()).collect();
        assert!(said.len() == 3 && said.iter().any(|said| said.contains("tokenizer")), "{said:?}");
    }

    #[test]
    fn an_address_says_what_to_look_at_inside_the_model() {
        let numbers = [("layer", "2"), ("head", "1"), ("step", "40"), ("embed", "1")];
        let address = read(&[&numbers[..], &[("view", "logit-lens"), ("prompt", "One day")]].concat());
        assert_eq!((address.start.page, &address.problems), (Some(PageName::Inspect), &Vec::new()));
        let (view, prompt) = (Some(View::LogitLens), Some("One day".to_owned()));
        let wish = Wish { view, prompt, layer: Some(2), head: Some(1), step: Some(40), ..Wish::default() };
        assert_eq!(address.start.inspect, wish);
        let long = "x".repeat(MAX_PROMPT_CHARACTERS + 1);
        let Address { start, problems } =
            read(&[("view", "atention"), ("layer", "-1"), ("head", "two"), ("prompt", &long)]);
        assert_eq!((start.inspect, problems.len()), (Wish::default(), 4));
        assert!(problems.iter().any(|problem| problem.contains("logit-lens")), "{problems:?}");
    }

    #[test]
    fn a_lesson_opens_with_its_preset_and_seed() {
        let address = read(&[("lesson", "3"), ("preset", "first-stories-small"), ("seed", "7")]);
        assert_eq!((address.start.page, address.start.lesson), (Some(PageName::Learn), Some(3)));
        let app = app(address.start);
        assert_eq!((app.page, app.drafts.train.seed), (PageName::Learn, 7));
        let address = read(&[("lesson", "three")]);
        assert_eq!((address.start.page, address.problems.len()), (None, 1));
    }
}
