use super::*;
use glasshouse_compiler::model::parameters;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::ArenaState;
use glasshouse_platform::block_on;
use glasshouse_project::archive::Archive;
use glasshouse_project::checkpoint::{CheckpointInfo, Checkpoints};
use glasshouse_project::{Project, Run};
use glasshouse_protocol::{CheckpointChoice, RunState, TokenizerKind, presets};
use glasshouse_text::data::prepare;
use glasshouse_text::tokenizer::{Tokenizer, TokenizerFiles};
use std::io::Cursor;

/// What a browser build's template has that is filled in.
const TEMPLATE: &str = "<!doctype html>\n<meta name=\"generator\" content=\"Glasshouse page 1\">\n<title>Glasshouse</title>\n\
    <script type=\"application/json\" id=\"home\">null</script>\n<script type=\"application/json\" id=\"facts\">null</script>\n\
    <script type=\"text/plain\" id=\"model\"></script>\n<script>start()</script>\n";

/// A project whose one run has all different weights, and a folder around it for what is shared.
fn trained(title: &str, change: impl FnOnce(&mut [f32])) -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    project.set_name(title).unwrap();
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    config.data.paths = vec!["/home/ada/private/diary.txt".to_owned()];
    config.tokenizer.kind = TokenizerKind::Byte;
    let tokenizer = block_on(Tokenizer::train(&config.tokenizer, ["owl", "fox"], &Yielder::none())).unwrap();
    let model = &mut config.model;
    (model.vocabulary, model.context_length) = (tokenizer.vocabulary_size(), 16);
    (model.layers, model.width, model.head_size, model.heads, model.kv_heads) = (1, 32, 16, 2, 2);
    let (staging, data) =
        prepare::stage_tokenizer(project.folder(), &TokenizerFiles::from(tokenizer)).unwrap();
    staging.put_new(&data).unwrap();
    let staged = project.stage_run(&config, &data).unwrap();
    let parameters = parameters(&config.model, &config.train).unwrap();
    let layout = ArenaLayout::from_parameters(&parameters);
    let mut weights = vec![0.0; layout.length];
    for (start, count) in layout.offsets.iter().zip(&layout.counts) {
        (*start..start + count).for_each(|at| weights[at] = (at as f32).sin());
    }
    change(&mut weights);
    let info = CheckpointInfo {
        val_loss: Some(1.5),
        ..CheckpointInfo::new(&config, staged.run().config_crc32c().unwrap(), 40)
    };
    let state = ArenaState::from_weights(weights);
    let mut checkpoints = Checkpoints::new(staged.run().checkpoints_folder());
    block_on(checkpoints.save(&info, &parameters, &state, true, &Yielder::none())).unwrap();
    let run = staged.put().unwrap();
    (folder, run)
}

fn loaded(run: &Run) -> Trained {
    block_on(Trained::load(run.clone(), &CheckpointChoice::Best, &Yielder::none())).unwrap()
}

fn shared(run: &Run, weights: WeightFormat) -> Result<Shared> {
    let template = Template::parse(TEMPLATE.to_owned())?.with_home("https://example.org/lab/?a=<b>")?;
    block_on(share(&loaded(run), &template, weights, &Yielder::none()))
}

/// The text of a page's element.
fn element<'page>(page: &'page str, id: &str) -> &'page str {
    let (_, from) = page.split_once(&format!(" id=\"{id}\">")).unwrap();
    from.split_once("</script>").unwrap().0
}

/// Decodes base 85 as `web/share/boot.js` does.
fn decoded(text: &str) -> Vec<u8> {
    let mut all = String::new();
    template::base85(&(0..=255).collect::<Vec<u8>>(), &mut all);
    let digits = "!#$%()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|";
    let mut bytes = Vec::new();
    for group in text.as_bytes().chunks(5) {
        let value = |at: usize| {
            let digit = group.get(at).map_or('|', |digit| char::from(*digit));
            digits.find(digit).unwrap() as u64
        };
        let word = (0..5).fold(0, |word, at| word * 85 + value(at)) as u32;
        bytes.extend(&word.to_be_bytes()[..group.len() - 1]);
    }
    bytes
}

/// The run in a project's file.
fn unpacked(archive: Vec<u8>) -> (tempfile::TempDir, Project, Run) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("unpacked");
    std::fs::create_dir(&place).unwrap();
    let archive = block_on(Archive::read(Cursor::new(archive), true, &Yielder::none())).unwrap();
    block_on(archive.unpack(&place, &Yielder::none())).unwrap();
    let project = Project::open(&place).unwrap();
    let [run] = &project.runs().unwrap()[..] else { panic!("one run") };
    (folder, project.clone(), run.clone())
}

#[test]
fn base_85_is_decoded_to_the_same_bytes() {
    for length in 0..20 {
        let bytes: Vec<u8> = (0..length).map(|at| 255 - (at * at * 7) as u8).collect();
        let mut text = String::new();
        template::base85(&bytes, &mut text);
        assert_eq!(decoded(&text), bytes, "{length} bytes");
    }
}

#[test]
fn a_page_holds_the_model_as_a_project_of_its_own() {
    let (_folder, run) = trained("Owls", |_| ());
    let mut sizes = Vec::new();
    for format in WeightFormat::ALL {
        let page = shared(&run, format).unwrap().page;
        let (_unpacked, project, alone) = unpacked(decoded(element(&page, "model")));
        assert_eq!((project.name().as_str(), project.runs().unwrap().len()), ("Owls", 1));
        assert_eq!(alone.record().unwrap().state, RunState::Imported);
        let (own, other) = (loaded(&run), loaded(&alone));
        let farthest = own.parameters.iter().zip(&other.parameters).map(|(a, b)| (a - b).abs());
        let farthest = farthest.fold(0.0, f32::max);
        // Weights are between -1 and 1, and scales have 16 bits for 32 weights.
        let step = 2.0_f32.powf(1.5 - format.bits() as f32);
        let expected = match format {
            WeightFormat::F32 | WeightFormat::Gguf => 0.0..=0.0,
            WeightFormat::F16 => 1e-5..=5e-4,
            _ => 0.1 * step..=1.2 * step,
        };
        assert!(expected.contains(&farthest), "{format:?}: {farthest}");
        let is_exact = matches!(format, WeightFormat::F32 | WeightFormat::F16);
        assert_eq!((other.info.step, other.info.val_loss), (40, is_exact.then_some(1.5)));
        assert_eq!(other.config.model, own.config.model);
        sizes.push(page.len());
        // Nothing of this machine is given away.
        assert!(other.config.data.paths.is_empty());
        assert!(!page.contains("diary"), "a path is in the page");
    }
    assert!(sizes.is_sorted_by(|more, fewer| more > fewer), "{sizes:?}");
}

#[test]
fn texts_of_a_model_cannot_end_the_element_around_them() {
    let title = "</title></script><script>alert(1)</script> & \"owls\"";
    let (_folder, run) = trained(title, |_| ());
    let shared = shared(&run, WeightFormat::F16).unwrap();
    assert_eq!(shared.page.matches("<script").count(), TEMPLATE.matches("<script").count());
    assert_eq!(shared.page.matches("</title>").count(), 1);
    let facts: serde_json::Value = serde_json::from_str(element(&shared.page, "facts")).unwrap();
    assert_eq!(facts["title"], title);
    assert_eq!(facts["file"], "title-script-script-alert-1-script-owls.glasshouse");
    let home: String = serde_json::from_str(element(&shared.page, "home")).unwrap();
    assert_eq!(home, "https://example.org/lab/?a=<b>");
    let front: Vec<&str> = shared.readme.split("---\n").collect();
    assert!(front[1].contains("sdk: static") && front[1].contains(&serde_json::to_string(title).unwrap()));
}

#[test]
fn a_page_goes_to_a_file_or_a_folder_of_its_own() {
    let (folder, run) = trained("Owls", |_| ());
    let shared = shared(&run, WeightFormat::F16).unwrap();
    let at = |name: &str| folder.path().join(name);
    let refused = |to: &str, space, replace| shared.write(&at(to), space, replace).unwrap_err().to_string();
    assert_eq!(shared.write(&at("owls.html"), false, false).unwrap(), [at("owls.html")]);
    assert!(refused("owls.html", false, false).contains("already exists"));
    shared.write(&at("owls.html"), false, true).unwrap();
    assert!(refused("space.html", true, false).contains("a Space is a folder"));

    let site = [at("site").join(INDEX), at("site").join(README)];
    assert_eq!(shared.write(&at("site"), true, false).unwrap(), site);
    assert!(refused("site", true, false).contains("already"));
    shared.write(&at("site"), false, true).unwrap();
    assert!(!site[1].exists(), "an earlier README is gone");
    assert_eq!(std::fs::read_to_string(&site[0]).unwrap(), shared.page);

    // Folders of others.
    std::fs::create_dir(at("papers")).unwrap();
    std::fs::write(at("papers").join("thesis.tex"), "x").unwrap();
    assert!(refused("papers", false, true).contains("holds thesis.tex"));
    std::fs::create_dir(at("other")).unwrap();
    std::fs::write(at("other").join(INDEX), "<title>Mine</title>").unwrap();
    assert!(refused("other", false, true).contains("did not write"));
    assert_eq!(std::fs::read_to_string(at("other").join(INDEX)).unwrap(), "<title>Mine</title>");
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.filter(|name| name.to_string_lossy().starts_with(".partial")).count() == 0);
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let (_folder, run) = trained("Owls", |weights| weights[100] = f32::NAN);
    assert!(shared(&run, WeightFormat::F16).unwrap_err().to_string().contains("diverged"));
    for text in ["", "<title>Glasshouse</title>", &TEMPLATE.replace("page 1", "page 2")] {
        let error = Template::parse(text.to_owned()).unwrap_err().to_string();
        assert!(error.contains("web/build"), "{error}");
    }
    for home in ["javascript:alert(1)", "example.org", "https://a b", "https://a/#m=1"] {
        assert!(check_address(home).is_err(), "{home}");
    }
    let (folder, run) = trained("Owls", |_| ());
    std::fs::remove_file(run.data_folder().unwrap().join("tokenizer.json")).unwrap();
    let error = block_on(Trained::load(run, &CheckpointChoice::Best, &Yielder::none())).unwrap_err();
    assert!(error.to_string().contains("tokenizer.json"), "{error}");
    let error = Template::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains(TEMPLATE_FILE) && error.contains("web/build"), "{error}");
}

#[test]
fn a_small_model_fits_into_a_link() {
    let (_folder, run) = trained("Owls", |_| ());
    let link = block_on(link(&loaded(&run), &Yielder::none())).unwrap();
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let text = link.strip_prefix("m=").unwrap();
    let mut bytes = Vec::new();
    for group in text.as_bytes().chunks(4) {
        let value =
            |at: usize| group.get(at).map_or(0, |digit| digits.find(char::from(*digit)).unwrap() as u32);
        let word = (0..4).fold(0, |word, at| word << 6 | value(at));
        bytes.extend(&word.to_be_bytes()[1..group.len()]);
    }
    assert_eq!(unpacked(bytes).2.label(), run.label());
}
