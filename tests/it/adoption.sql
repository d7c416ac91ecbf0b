PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO _sqlx_migrations VALUES(20240101000000,'initial schema','2026-11-27 12:23:30',1,X'e895b04735fc88843bf88c1fd038a4073c789da7a74be5e1a77edd3ad38a832b158761f5a11410a7cf6ccb49808da9ba',3860045);
INSERT INTO _sqlx_migrations VALUES(20240102000000,'add attempt count','2026-11-27 12:23:30',1,X'a1af64e4a4211fa289189a141ff453f875d6468f72e0680acc54518f006368bda3e877de040b75a9693cffa24c280008',906004);
INSERT INTO _sqlx_migrations VALUES(20240103000000,'add worker visible at','2026-11-27 12:23:30',1,X'01cfc0a852726929f1f7223fa9cccf1584b34525fb49b6db60210f143ea9923edbf9b407958e01989fc00ee4415f6419',424075);
INSERT INTO _sqlx_migrations VALUES(20240104000000,'add worker activity identity','2026-11-27 12:23:30',1,X'25fafc591102bd90cf724c5d6f2855113f9118880b7b7fb5dd7210e4086fde7021f55a2ea7141d478363c78504cd123b',887098);
INSERT INTO _sqlx_migrations VALUES(20240105000000,'add parent instance id','2026-11-27 12:23:30',1,X'621cfad15d7fece832b660b57185bfdb753ad03561c91367897dfdc148e48ebf34ff6578bbcd6d3f139e9505bfa5eea9',502133);
INSERT INTO _sqlx_migrations VALUES(20240106000000,'add pinned version','2026-11-27 12:23:30',1,X'13f4c421eda183f3e3f1ce807e211727e2bee2149c38efe07f5cc12055b3e75a054900f15287295b51d7f8a29c807c00',832539);
INSERT INTO _sqlx_migrations VALUES(20240107000000,'add sessions','2026-11-27 12:23:30',1,X'f0ad65793a65a6d56feee893f24975a1b989817cc5de694f66ef7896abd6dd508b7a33f0e6bfc34abd7f95945e0f0ec1',3175590);
INSERT INTO _sqlx_migrations VALUES(20240108000000,'add custom status','2026-11-27 12:23:30',1,X'5a715bcad01ce5a1cafa01ba5ac66ec28e3a9e7388ec99dc239f54c189748ebc4ee2c1f0dda132051839bacd070bfd2b',3838968);
INSERT INTO _sqlx_migrations VALUES(20240109000000,'add activity tags','2026-11-27 12:23:30',1,X'90e079aa69023acf1f4f08f5cdfcfc20ad2dd08573486eb10259c6bd8543b09b65cc8a05b1bcdd170cac73715cc56384',583078);
INSERT INTO _sqlx_migrations VALUES(20240110000000,'add kv store','2026-11-27 12:23:30',1,X'b02718981675751d3e7fe23714483c837df6b44ffc7c7ec83abc3f7563adf3dca8427569ba0f07e7027ba16e82276985',435257);
INSERT INTO _sqlx_migrations VALUES(20240111000000,'add kv last updated','2026-11-27 12:23:30',1,X'3f003c0cf9ea6f0fd8eae9e8764aee547b1368d77b6fe88cf5cd63a8e1e3e00264b55c1f7de23108018585c1f53c4390',509396);
INSERT INTO _sqlx_migrations VALUES(20240112000000,'add kv delta','2026-11-27 12:23:30',1,X'fa25f50c9660870e43ccfe64e019fec5ab5fc92a608378a249cbc614cfc8499b00bb940fcbb31dff96850fe6c0fda9b4',1317356);
CREATE TABLE instances (
    instance_id TEXT PRIMARY KEY,
    orchestration_name TEXT NOT NULL,
    orchestration_version TEXT NOT NULL,
    current_execution_id INTEGER NOT NULL DEFAULT 1,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
, parent_instance_id TEXT REFERENCES instances(instance_id), custom_status TEXT, custom_status_version INTEGER NOT NULL DEFAULT 0);
INSERT INTO instances VALUES('finished','Finished','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,'nearly there',1);
INSERT INTO instances VALUES('failed','Failed','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('activity','Activity','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,'asked',1);
INSERT INTO instances VALUES('running','Running','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('timer','Timer','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('event','Event','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,'waiting',1);
INSERT INTO instances VALUES('waits','Event','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,'waiting',1);
INSERT INTO instances VALUES('cancelled','Event','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,'waiting',1);
INSERT INTO instances VALUES('queue','Queue','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('parent','Parent','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('chain','Chain','1.0.0',3,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,'link 3',3);
INSERT INTO instances VALUES('session','Session','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('system','System','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('retries','Retries','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('race','Race','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('detached','Failed','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30',NULL,NULL,0);
INSERT INTO instances VALUES('parent::sub::2','Event','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30','parent','waiting',1);
INSERT INTO instances VALUES('chosen','Event','1.0.0',1,'2026-11-27 12:23:30','2026-11-27 12:23:30','parent','waiting',1);
CREATE TABLE executions (
    instance_id TEXT NOT NULL,
    execution_id INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'Running',
    output TEXT,
    started_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    completed_at TIMESTAMP, duroxide_version_major INTEGER, duroxide_version_minor INTEGER, duroxide_version_patch INTEGER,
    PRIMARY KEY (instance_id, execution_id)
);
INSERT INTO executions VALUES('finished',1,'Completed','all well','2026-11-27 12:23:30',1795782210573,0,1,32);
INSERT INTO executions VALUES('failed',1,'Failed','no way','2026-11-27 12:23:30',1795782210427,0,1,32);
INSERT INTO executions VALUES('activity',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('running',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('timer',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('event',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('waits',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('cancelled',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('queue',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('parent',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('chain',1,'ContinuedAsNew','2','2026-11-27 12:23:30',1795782210780,0,1,32);
INSERT INTO executions VALUES('session',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('system',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('retries',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('race',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('detached',1,'Failed','on its own','2026-11-27 12:23:30',1795782210461,0,1,32);
INSERT INTO executions VALUES('parent::sub::2',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('chosen',1,'Running',NULL,'2026-11-27 12:23:30',NULL,0,1,32);
INSERT INTO executions VALUES('chain',2,'ContinuedAsNew','3','2026-11-27 12:23:30',1795782211099,0,1,32);
INSERT INTO executions VALUES('chain',3,'Running',NULL,'2026-11-27 12:23:31',NULL,0,1,32);
CREATE TABLE history (
    instance_id TEXT NOT NULL,
    execution_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    event_data TEXT NOT NULL, -- JSON serialized Event
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (instance_id, execution_id, event_id)
);
INSERT INTO history VALUES('finished',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"finished","execution_id":1,"timestamp_ms":1795782210410,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Finished","version":"1.0.0","input":"all well","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('finished',1,2,'CustomStatusUpdated','{"event_id":2,"source_event_id":null,"instance_id":"finished","execution_id":1,"timestamp_ms":1795782210410,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"nearly there"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('finished',1,3,'KeyValueSet','{"event_id":3,"source_event_id":null,"instance_id":"finished","execution_id":1,"timestamp_ms":1795782210410,"duroxide_version":"0.1.32","type":"KeyValueSet","key":"left","value":"behind","last_updated_at_ms":1795782210410}','2026-11-27 12:23:30');
INSERT INTO history VALUES('finished',1,4,'OrchestrationChained','{"event_id":4,"source_event_id":null,"instance_id":"finished","execution_id":1,"timestamp_ms":1795782210410,"duroxide_version":"0.1.32","type":"OrchestrationChained","name":"Failed","instance":"detached","input":"on its own"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('finished',1,5,'ActivityScheduled','{"event_id":5,"source_event_id":null,"instance_id":"finished","execution_id":1,"timestamp_ms":1795782210410,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"Echo","input":"all well"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('failed',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"failed","execution_id":1,"timestamp_ms":1795782210426,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Failed","version":"1.0.0","input":"no way","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('failed',1,2,'OrchestrationFailed','{"event_id":2,"source_event_id":null,"instance_id":"failed","execution_id":1,"timestamp_ms":1795782210426,"duroxide_version":"0.1.32","type":"OrchestrationFailed","details":{"Application":{"kind":"OrchestrationFailed","message":"no way","retryable":false}}}','2026-11-27 12:23:30');
INSERT INTO history VALUES('activity',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"activity","execution_id":1,"timestamp_ms":1795782210429,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Activity","version":"1.0.0","input":"7","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('activity',1,2,'KeyValueSet','{"event_id":2,"source_event_id":null,"instance_id":"activity","execution_id":1,"timestamp_ms":1795782210430,"duroxide_version":"0.1.32","type":"KeyValueSet","key":"before","value":"1","last_updated_at_ms":1795782210429}','2026-11-27 12:23:30');
INSERT INTO history VALUES('activity',1,3,'KeyValueSet','{"event_id":3,"source_event_id":null,"instance_id":"activity","execution_id":1,"timestamp_ms":1795782210430,"duroxide_version":"0.1.32","type":"KeyValueSet","key":"gone","value":"1","last_updated_at_ms":1795782210429}','2026-11-27 12:23:30');
INSERT INTO history VALUES('activity',1,4,'KeyValueCleared','{"event_id":4,"source_event_id":null,"instance_id":"activity","execution_id":1,"timestamp_ms":1795782210430,"duroxide_version":"0.1.32","type":"KeyValueCleared","key":"gone"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('activity',1,5,'CustomStatusUpdated','{"event_id":5,"source_event_id":null,"instance_id":"activity","execution_id":1,"timestamp_ms":1795782210430,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"asked"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('activity',1,6,'ActivityScheduled','{"event_id":6,"source_event_id":null,"instance_id":"activity","execution_id":1,"timestamp_ms":1795782210430,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"Echo","input":"7"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('running',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"running","execution_id":1,"timestamp_ms":1795782210433,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Running","version":"1.0.0","input":"8","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('running',1,2,'ActivityScheduled','{"event_id":2,"source_event_id":null,"instance_id":"running","execution_id":1,"timestamp_ms":1795782210433,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"Hangs","input":"8"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('timer',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"timer","execution_id":1,"timestamp_ms":1795782210436,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Timer","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('timer',1,2,'TimerCreated','{"event_id":2,"source_event_id":null,"instance_id":"timer","execution_id":1,"timestamp_ms":1795782210436,"duroxide_version":"0.1.32","type":"TimerCreated","fire_at_ms":1795782213436}','2026-11-27 12:23:30');
INSERT INTO history VALUES('event',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"event","execution_id":1,"timestamp_ms":1795782210438,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Event","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('event',1,2,'CustomStatusUpdated','{"event_id":2,"source_event_id":null,"instance_id":"event","execution_id":1,"timestamp_ms":1795782210438,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"waiting"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('event',1,3,'ExternalSubscribed','{"event_id":3,"source_event_id":null,"instance_id":"event","execution_id":1,"timestamp_ms":1795782210438,"duroxide_version":"0.1.32","type":"ExternalSubscribed","name":"go"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('waits',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"waits","execution_id":1,"timestamp_ms":1795782210441,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Event","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('waits',1,2,'CustomStatusUpdated','{"event_id":2,"source_event_id":null,"instance_id":"waits","execution_id":1,"timestamp_ms":1795782210441,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"waiting"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('waits',1,3,'ExternalSubscribed','{"event_id":3,"source_event_id":null,"instance_id":"waits","execution_id":1,"timestamp_ms":1795782210441,"duroxide_version":"0.1.32","type":"ExternalSubscribed","name":"go"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('cancelled',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"cancelled","execution_id":1,"timestamp_ms":1795782210442,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Event","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('cancelled',1,2,'CustomStatusUpdated','{"event_id":2,"source_event_id":null,"instance_id":"cancelled","execution_id":1,"timestamp_ms":1795782210442,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"waiting"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('cancelled',1,3,'ExternalSubscribed','{"event_id":3,"source_event_id":null,"instance_id":"cancelled","execution_id":1,"timestamp_ms":1795782210442,"duroxide_version":"0.1.32","type":"ExternalSubscribed","name":"go"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('queue',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"queue","execution_id":1,"timestamp_ms":1795782210445,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Queue","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('queue',1,2,'ExternalEventPersistent','{"event_id":2,"source_event_id":null,"instance_id":"queue","execution_id":1,"timestamp_ms":1795782210445,"duroxide_version":"0.1.32","type":"ExternalEventPersistent","name":"inbox","data":"one"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('queue',1,3,'ExternalEventPersistent','{"event_id":3,"source_event_id":null,"instance_id":"queue","execution_id":1,"timestamp_ms":1795782210445,"duroxide_version":"0.1.32","type":"ExternalEventPersistent","name":"inbox","data":"two"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('queue',1,4,'ExternalSubscribedPersistent','{"event_id":4,"source_event_id":null,"instance_id":"queue","execution_id":1,"timestamp_ms":1795782210445,"duroxide_version":"0.1.32","type":"ExternalSubscribedPersistent","name":"inbox"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('queue',1,5,'ExternalSubscribedPersistent','{"event_id":5,"source_event_id":null,"instance_id":"queue","execution_id":1,"timestamp_ms":1795782210445,"duroxide_version":"0.1.32","type":"ExternalSubscribedPersistent","name":"inbox"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('queue',1,6,'ExternalSubscribedPersistent','{"event_id":6,"source_event_id":null,"instance_id":"queue","execution_id":1,"timestamp_ms":1795782210445,"duroxide_version":"0.1.32","type":"ExternalSubscribedPersistent","name":"inbox"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('parent',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"parent","execution_id":1,"timestamp_ms":1795782210447,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Parent","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('parent',1,2,'SubOrchestrationScheduled','{"event_id":2,"source_event_id":null,"instance_id":"parent","execution_id":1,"timestamp_ms":1795782210447,"duroxide_version":"0.1.32","type":"SubOrchestrationScheduled","name":"Event","instance":"sub::2","input":""}','2026-11-27 12:23:30');
INSERT INTO history VALUES('parent',1,3,'SubOrchestrationScheduled','{"event_id":3,"source_event_id":null,"instance_id":"parent","execution_id":1,"timestamp_ms":1795782210447,"duroxide_version":"0.1.32","type":"SubOrchestrationScheduled","name":"Event","instance":"chosen","input":""}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"chain","execution_id":1,"timestamp_ms":1795782210449,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Chain","version":"1.0.0","input":"1","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',1,2,'ExternalEventPersistent','{"event_id":2,"source_event_id":null,"instance_id":"chain","execution_id":1,"timestamp_ms":1795782210449,"duroxide_version":"0.1.32","type":"ExternalEventPersistent","name":"steps","data":"a"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',1,3,'ExternalEventPersistent','{"event_id":3,"source_event_id":null,"instance_id":"chain","execution_id":1,"timestamp_ms":1795782210449,"duroxide_version":"0.1.32","type":"ExternalEventPersistent","name":"steps","data":"b"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',1,4,'KeyValueSet','{"event_id":4,"source_event_id":null,"instance_id":"chain","execution_id":1,"timestamp_ms":1795782210449,"duroxide_version":"0.1.32","type":"KeyValueSet","key":"link 1","value":"forged","last_updated_at_ms":1795782210449}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',1,5,'CustomStatusUpdated','{"event_id":5,"source_event_id":null,"instance_id":"chain","execution_id":1,"timestamp_ms":1795782210449,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"link 1"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',1,6,'TimerCreated','{"event_id":6,"source_event_id":null,"instance_id":"chain","execution_id":1,"timestamp_ms":1795782210449,"duroxide_version":"0.1.32","type":"TimerCreated","fire_at_ms":1795782210749}','2026-11-27 12:23:30');
INSERT INTO history VALUES('session',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"session","execution_id":1,"timestamp_ms":1795782210451,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Session","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('session',1,2,'ActivityScheduled','{"event_id":2,"source_event_id":null,"instance_id":"session","execution_id":1,"timestamp_ms":1795782210451,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"Echo","input":"one","session_id":"desk"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('system',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"system","execution_id":1,"timestamp_ms":1795782210454,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"System","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('system',1,2,'ActivityScheduled','{"event_id":2,"source_event_id":null,"instance_id":"system","execution_id":1,"timestamp_ms":1795782210454,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"__duroxide_syscall:new_guid","input":""}','2026-11-27 12:23:30');
INSERT INTO history VALUES('retries',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"retries","execution_id":1,"timestamp_ms":1795782210456,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Retries","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('retries',1,2,'ActivityScheduled','{"event_id":2,"source_event_id":null,"instance_id":"retries","execution_id":1,"timestamp_ms":1795782210456,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"Fails","input":""}','2026-11-27 12:23:30');
INSERT INTO history VALUES('race',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"race","execution_id":1,"timestamp_ms":1795782210458,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Race","version":"1.0.0","input":"","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('race',1,2,'ExternalSubscribed','{"event_id":2,"source_event_id":null,"instance_id":"race","execution_id":1,"timestamp_ms":1795782210458,"duroxide_version":"0.1.32","type":"ExternalSubscribed","name":"never"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('race',1,3,'TimerCreated','{"event_id":3,"source_event_id":null,"instance_id":"race","execution_id":1,"timestamp_ms":1795782210458,"duroxide_version":"0.1.32","type":"TimerCreated","fire_at_ms":1795782210458}','2026-11-27 12:23:30');
INSERT INTO history VALUES('detached',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"detached","execution_id":1,"timestamp_ms":1795782210460,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Failed","version":"1.0.0","input":"on its own","parent_instance":null,"parent_id":null}','2026-11-27 12:23:30');
INSERT INTO history VALUES('detached',1,2,'OrchestrationFailed','{"event_id":2,"source_event_id":null,"instance_id":"detached","execution_id":1,"timestamp_ms":1795782210460,"duroxide_version":"0.1.32","type":"OrchestrationFailed","details":{"Application":{"kind":"OrchestrationFailed","message":"on its own","retryable":false}}}','2026-11-27 12:23:30');
INSERT INTO history VALUES('parent::sub::2',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"parent::sub::2","execution_id":1,"timestamp_ms":1795782210462,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Event","version":"1.0.0","input":"","parent_instance":"parent","parent_id":2,"parent_execution_id":1}','2026-11-27 12:23:30');
INSERT INTO history VALUES('parent::sub::2',1,2,'CustomStatusUpdated','{"event_id":2,"source_event_id":null,"instance_id":"parent::sub::2","execution_id":1,"timestamp_ms":1795782210462,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"waiting"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('parent::sub::2',1,3,'ExternalSubscribed','{"event_id":3,"source_event_id":null,"instance_id":"parent::sub::2","execution_id":1,"timestamp_ms":1795782210462,"duroxide_version":"0.1.32","type":"ExternalSubscribed","name":"go"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chosen',1,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"chosen","execution_id":1,"timestamp_ms":1795782210465,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Event","version":"1.0.0","input":"","parent_instance":"parent","parent_id":3,"parent_execution_id":1}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chosen',1,2,'CustomStatusUpdated','{"event_id":2,"source_event_id":null,"instance_id":"chosen","execution_id":1,"timestamp_ms":1795782210465,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"waiting"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chosen',1,3,'ExternalSubscribed','{"event_id":3,"source_event_id":null,"instance_id":"chosen","execution_id":1,"timestamp_ms":1795782210465,"duroxide_version":"0.1.32","type":"ExternalSubscribed","name":"go"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('race',1,4,'TimerFired','{"event_id":4,"source_event_id":3,"instance_id":"race","execution_id":1,"timestamp_ms":1795782210467,"duroxide_version":"0.1.32","type":"TimerFired","fire_at_ms":1795782210458}','2026-11-27 12:23:30');
INSERT INTO history VALUES('race',1,5,'ExternalSubscribed','{"event_id":5,"source_event_id":null,"instance_id":"race","execution_id":1,"timestamp_ms":1795782210467,"duroxide_version":"0.1.32","type":"ExternalSubscribed","name":"go"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('race',1,6,'TimerCreated','{"event_id":6,"source_event_id":null,"instance_id":"race","execution_id":1,"timestamp_ms":1795782210467,"duroxide_version":"0.1.32","type":"TimerCreated","fire_at_ms":2111142210467}','2026-11-27 12:23:30');
INSERT INTO history VALUES('race',1,7,'ExternalSubscribedCancelled','{"event_id":7,"source_event_id":2,"instance_id":"race","execution_id":1,"timestamp_ms":1795782210467,"duroxide_version":"0.1.32","type":"ExternalSubscribedCancelled","reason":"dropped_future"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('finished',1,6,'ActivityCompleted','{"event_id":6,"source_event_id":5,"instance_id":"finished","execution_id":1,"timestamp_ms":1795782210571,"duroxide_version":"0.1.32","type":"ActivityCompleted","result":"all well"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('finished',1,7,'OrchestrationCompleted','{"event_id":7,"source_event_id":null,"instance_id":"finished","execution_id":1,"timestamp_ms":1795782210571,"duroxide_version":"0.1.32","type":"OrchestrationCompleted","output":"all well"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('activity',1,7,'ActivityCompleted','{"event_id":7,"source_event_id":6,"instance_id":"activity","execution_id":1,"timestamp_ms":1795782210574,"duroxide_version":"0.1.32","type":"ActivityCompleted","result":"7"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('activity',1,8,'ActivityScheduled','{"event_id":8,"source_event_id":null,"instance_id":"activity","execution_id":1,"timestamp_ms":1795782210574,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"Echo","input":"7, later","tag":"later"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',1,7,'TimerFired','{"event_id":7,"source_event_id":6,"instance_id":"chain","execution_id":1,"timestamp_ms":1795782210779,"duroxide_version":"0.1.32","type":"TimerFired","fire_at_ms":1795782210749}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',1,8,'OrchestrationContinuedAsNew','{"event_id":8,"source_event_id":null,"instance_id":"chain","execution_id":1,"timestamp_ms":1795782210779,"duroxide_version":"0.1.32","type":"OrchestrationContinuedAsNew","input":"2"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('session',1,3,'ActivityCompleted','{"event_id":3,"source_event_id":2,"instance_id":"session","execution_id":1,"timestamp_ms":1795782210782,"duroxide_version":"0.1.32","type":"ActivityCompleted","result":"one"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('session',1,4,'ActivityScheduled','{"event_id":4,"source_event_id":null,"instance_id":"session","execution_id":1,"timestamp_ms":1795782210782,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"Echo","input":"two","session_id":"desk","tag":"later"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('system',1,3,'ActivityCompleted','{"event_id":3,"source_event_id":2,"instance_id":"system","execution_id":1,"timestamp_ms":1795782210785,"duroxide_version":"0.1.32","type":"ActivityCompleted","result":"6c6fdb19-c662-4955-a2f7-aad474ddc63a"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('system',1,4,'ActivityScheduled','{"event_id":4,"source_event_id":null,"instance_id":"system","execution_id":1,"timestamp_ms":1795782210785,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"__duroxide_syscall:utc_now_ms","input":""}','2026-11-27 12:23:30');
INSERT INTO history VALUES('retries',1,3,'ActivityFailed','{"event_id":3,"source_event_id":2,"instance_id":"retries","execution_id":1,"timestamp_ms":1795782210787,"duroxide_version":"0.1.32","type":"ActivityFailed","details":{"Application":{"kind":"ActivityFailed","message":"not today","retryable":false}}}','2026-11-27 12:23:30');
INSERT INTO history VALUES('retries',1,4,'TimerCreated','{"event_id":4,"source_event_id":null,"instance_id":"retries","execution_id":1,"timestamp_ms":1795782210787,"duroxide_version":"0.1.32","type":"TimerCreated","fire_at_ms":1795782213787}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',2,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"chain","execution_id":2,"timestamp_ms":1795782210789,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Chain","version":"1.0.0","input":"2","parent_instance":null,"parent_id":null,"carry_forward_events":[["steps","a"],["steps","b"]],"initial_custom_status":"link 1"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',2,2,'ExternalEventPersistent','{"event_id":2,"source_event_id":null,"instance_id":"chain","execution_id":2,"timestamp_ms":1795782210789,"duroxide_version":"0.1.32","type":"ExternalEventPersistent","name":"steps","data":"a"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',2,3,'ExternalEventPersistent','{"event_id":3,"source_event_id":null,"instance_id":"chain","execution_id":2,"timestamp_ms":1795782210789,"duroxide_version":"0.1.32","type":"ExternalEventPersistent","name":"steps","data":"b"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',2,4,'KeyValueSet','{"event_id":4,"source_event_id":null,"instance_id":"chain","execution_id":2,"timestamp_ms":1795782210789,"duroxide_version":"0.1.32","type":"KeyValueSet","key":"link 2","value":"forged","last_updated_at_ms":1795782210789}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',2,5,'CustomStatusUpdated','{"event_id":5,"source_event_id":null,"instance_id":"chain","execution_id":2,"timestamp_ms":1795782210789,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"link 2"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',2,6,'TimerCreated','{"event_id":6,"source_event_id":null,"instance_id":"chain","execution_id":2,"timestamp_ms":1795782210789,"duroxide_version":"0.1.32","type":"TimerCreated","fire_at_ms":1795782211089}','2026-11-27 12:23:30');
INSERT INTO history VALUES('system',1,5,'ActivityCompleted','{"event_id":5,"source_event_id":4,"instance_id":"system","execution_id":1,"timestamp_ms":1795782210894,"duroxide_version":"0.1.32","type":"ActivityCompleted","result":"1795782210819"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('system',1,6,'ExternalSubscribed','{"event_id":6,"source_event_id":null,"instance_id":"system","execution_id":1,"timestamp_ms":1795782210894,"duroxide_version":"0.1.32","type":"ExternalSubscribed","name":"go"}','2026-11-27 12:23:30');
INSERT INTO history VALUES('chain',2,7,'TimerFired','{"event_id":7,"source_event_id":6,"instance_id":"chain","execution_id":2,"timestamp_ms":1795782211099,"duroxide_version":"0.1.32","type":"TimerFired","fire_at_ms":1795782211089}','2026-11-27 12:23:31');
INSERT INTO history VALUES('chain',2,8,'OrchestrationContinuedAsNew','{"event_id":8,"source_event_id":null,"instance_id":"chain","execution_id":2,"timestamp_ms":1795782211099,"duroxide_version":"0.1.32","type":"OrchestrationContinuedAsNew","input":"3"}','2026-11-27 12:23:31');
INSERT INTO history VALUES('chain',3,1,'OrchestrationStarted','{"event_id":1,"source_event_id":null,"instance_id":"chain","execution_id":3,"timestamp_ms":1795782211102,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Chain","version":"1.0.0","input":"3","parent_instance":null,"parent_id":null,"carry_forward_events":[["steps","a"],["steps","b"]],"initial_custom_status":"link 2"}','2026-11-27 12:23:31');
INSERT INTO history VALUES('chain',3,2,'ExternalEventPersistent','{"event_id":2,"source_event_id":null,"instance_id":"chain","execution_id":3,"timestamp_ms":1795782211102,"duroxide_version":"0.1.32","type":"ExternalEventPersistent","name":"steps","data":"a"}','2026-11-27 12:23:31');
INSERT INTO history VALUES('chain',3,3,'ExternalEventPersistent','{"event_id":3,"source_event_id":null,"instance_id":"chain","execution_id":3,"timestamp_ms":1795782211102,"duroxide_version":"0.1.32","type":"ExternalEventPersistent","name":"steps","data":"b"}','2026-11-27 12:23:31');
INSERT INTO history VALUES('chain',3,4,'KeyValueSet','{"event_id":4,"source_event_id":null,"instance_id":"chain","execution_id":3,"timestamp_ms":1795782211102,"duroxide_version":"0.1.32","type":"KeyValueSet","key":"link 3","value":"forged","last_updated_at_ms":1795782211102}','2026-11-27 12:23:31');
INSERT INTO history VALUES('chain',3,5,'CustomStatusUpdated','{"event_id":5,"source_event_id":null,"instance_id":"chain","execution_id":3,"timestamp_ms":1795782211102,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":"link 3"}','2026-11-27 12:23:31');
INSERT INTO history VALUES('chain',3,6,'ExternalSubscribed','{"event_id":6,"source_event_id":null,"instance_id":"chain","execution_id":3,"timestamp_ms":1795782211102,"duroxide_version":"0.1.32","type":"ExternalSubscribed","name":"go"}','2026-11-27 12:23:31');
CREATE TABLE orchestrator_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    work_item TEXT NOT NULL, -- JSON serialized WorkItem
    visible_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    lock_token TEXT,
    locked_until TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
, attempt_count INTEGER NOT NULL DEFAULT 0 CHECK(attempt_count >= 0));
INSERT INTO orchestrator_queue VALUES(21,'timer','{"TimerFired":{"instance":"timer","execution_id":1,"id":2,"fire_at_ms":1795782213436}}',1795782213436,NULL,NULL,'2026-11-27 12:23:30',0);
INSERT INTO orchestrator_queue VALUES(26,'race','{"TimerFired":{"instance":"race","execution_id":1,"id":6,"fire_at_ms":2111142210467}}',2111142210467,NULL,NULL,'2026-11-27 12:23:30',0);
INSERT INTO orchestrator_queue VALUES(33,'retries','{"TimerFired":{"instance":"retries","execution_id":1,"id":4,"fire_at_ms":1795782213787}}',1795782213787,NULL,NULL,'2026-11-27 12:23:30',0);
INSERT INTO orchestrator_queue VALUES(37,'unstarted','{"StartOrchestration":{"instance":"unstarted","orchestration":"Event","input":"","version":null,"parent_instance":null,"parent_id":null,"execution_id":1}}',1795782211312,NULL,NULL,'2026-11-27 12:23:31',0);
INSERT INTO orchestrator_queue VALUES(38,'queue','{"QueueMessage":{"instance":"queue","name":"inbox","data":"three"}}',1795782211313,NULL,NULL,'2026-11-27 12:23:31',0);
INSERT INTO orchestrator_queue VALUES(39,'event','{"ExternalRaised":{"instance":"event","name":"go","data":"raised before"}}',1795782211313,NULL,NULL,'2026-11-27 12:23:31',0);
INSERT INTO orchestrator_queue VALUES(40,'nobody','{"ExternalRaised":{"instance":"nobody","name":"go","data":"for nobody"}}',1795782211313,NULL,NULL,'2026-11-27 12:23:31',0);
INSERT INTO orchestrator_queue VALUES(41,'cancelled','{"CancelInstance":{"instance":"cancelled","reason":"not needed"}}',1795782211314,NULL,NULL,'2026-11-27 12:23:31',0);
CREATE TABLE worker_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    work_item TEXT NOT NULL, -- JSON serialized WorkItem
    lock_token TEXT,
    locked_until TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
, attempt_count INTEGER NOT NULL DEFAULT 0 CHECK(attempt_count >= 0), visible_at INTEGER NOT NULL DEFAULT 0, instance_id TEXT, execution_id INTEGER, activity_id INTEGER, session_id TEXT, tag TEXT);
INSERT INTO worker_queue VALUES(3,'{"ActivityExecute":{"instance":"running","execution_id":1,"id":2,"name":"Hangs","input":"8"}}','lock_25229957-8af2-427b-b2f8-1ba943cf100c',1795782212512,'2026-11-27 12:23:30',1,1795782210435,'running',1,2,NULL,NULL);
INSERT INTO worker_queue VALUES(7,'{"ActivityExecute":{"instance":"activity","execution_id":1,"id":8,"name":"Echo","input":"7, later","tag":"later"}}',NULL,NULL,'2026-11-27 12:23:30',0,1795782210575,'activity',1,8,NULL,'later');
INSERT INTO worker_queue VALUES(8,'{"ActivityExecute":{"instance":"session","execution_id":1,"id":4,"name":"Echo","input":"two","session_id":"desk","tag":"later"}}',NULL,NULL,'2026-11-27 12:23:30',0,1795782210783,'session',1,4,'desk','later');
CREATE TABLE timer_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    work_item TEXT NOT NULL, -- JSON serialized WorkItem
    fire_at TIMESTAMP NOT NULL,
    lock_token TEXT,
    locked_until TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE instance_locks (
    instance_id TEXT PRIMARY KEY,
    lock_token TEXT NOT NULL,
    locked_until INTEGER NOT NULL,
    locked_at INTEGER NOT NULL
);
CREATE TABLE sessions (
    session_id     TEXT PRIMARY KEY,
    worker_id      TEXT NOT NULL,
    locked_until   INTEGER NOT NULL,    -- ms since epoch (heartbeat lease)
    last_activity_at INTEGER NOT NULL   -- ms since epoch (last work flow)
);
INSERT INTO sessions VALUES('desk','work-1-af12',1795782240710,1795782210712);
CREATE TABLE kv_delta (
    instance_id TEXT NOT NULL,
    key         TEXT NOT NULL,
    value       TEXT,
    last_updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (instance_id, key)
);
INSERT INTO kv_delta VALUES('activity','before','1',1795782210429);
INSERT INTO kv_delta VALUES('activity','gone',NULL,1795782210431);
INSERT INTO kv_delta VALUES('chain','link 3','forged',1795782211102);
CREATE TABLE IF NOT EXISTS "kv_store" (
    instance_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    last_updated_at_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (instance_id, key)
);
INSERT INTO kv_store VALUES('finished','left','behind',1795782210410);
INSERT INTO kv_store VALUES('chain','link 1','forged',1795782210449);
INSERT INTO kv_store VALUES('chain','link 2','forged',1795782210789);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('orchestrator_queue',41);
INSERT INTO sqlite_sequence VALUES('worker_queue',9);
CREATE INDEX idx_orch_visible ON orchestrator_queue(visible_at, lock_token);
CREATE INDEX idx_orch_instance ON orchestrator_queue(instance_id);
CREATE INDEX idx_orch_lock ON orchestrator_queue(lock_token);
CREATE INDEX idx_worker_available ON worker_queue(lock_token, id);
CREATE INDEX idx_timer_fire ON timer_queue(fire_at, lock_token);
CREATE INDEX idx_worker_activity ON worker_queue(instance_id, execution_id, activity_id);
CREATE INDEX idx_instances_parent ON instances(parent_instance_id);
CREATE INDEX idx_worker_queue_session ON worker_queue(session_id);
CREATE INDEX idx_worker_queue_tag ON worker_queue(tag);
COMMIT;
