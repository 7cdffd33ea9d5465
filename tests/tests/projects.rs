//! Moving projects: after packing one into a file and unpacking it elsewhere, a run continues bit for bit.

use crate::runs::{config, create, last_checkpoint, notices, project, session, store};
use glasshouse_engine::project::shelf::Shelf;
use glasshouse_engine::project::{Project, archive};
use glasshouse_engine::training::Options;
use glasshouse_engine::{Yielder, block_on};

#[test]
fn a_run_goes_on_in_the_same_bits_where_its_project_is_unpacked() {
    let (folder, project) = project();
    let store = store();
    let straight = session(&create(&project, &config()), &store, "cpu", Options::default()).unwrap();
    let run = create(&project, &config());
    session(&run, &store, "cpu", Options { stop_after: Some(33), ..Options::default() }).unwrap();
    let (packed, _) = block_on(archive::pack(project.folder(), &Yielder::none())).unwrap();

    let shelf = Shelf::open(&folder.path().join("elsewhere")).unwrap();
    let id = block_on(shelf.import(std::io::Cursor::new(&packed), Some("Elsewhere"), None, &Yielder::none()))
        .unwrap();
    let there = Project::open(&shelf.path_of(&id).unwrap()).unwrap();
    let there = there.run(&run.name()).unwrap();
    assert_eq!(there.record().unwrap(), run.record().unwrap());
    let rest = session(&there, &store, "cpu", Options::default()).unwrap();
    assert_eq!(notices(&rest), [""; 0]);
    assert!(last_checkpoint(&rest) == last_checkpoint(&straight));
}
