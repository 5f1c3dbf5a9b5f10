-- Fed jobs are listed the newest first, whatever else there is: those of a host, of one
-- of its identities, or of a label. Other jobs are in none of these.
CREATE INDEX job_fed ON job (host, no) WHERE on_loss = 3;
CREATE INDEX job_fed_by_identity ON job (host, identity, no) WHERE on_loss = 3;
CREATE INDEX job_fed_by_label ON job (host, label, no) WHERE on_loss = 3;

-- Who bore a name last is told by the labels.
DELETE FROM shared WHERE space = 'panoptes';
