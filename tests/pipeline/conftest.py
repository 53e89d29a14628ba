"""TFX takes a quarter minute to import: processes of these tests are forked from one that has it already."""

import processes

processes.CONTEXT.set_forkserver_preload(["preloaded", "tfx_pipeline.pipeline"])
