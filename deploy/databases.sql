-- One database per service; nobody reads another's.
CREATE DATABASE orders;
CREATE DATABASE payments;
CREATE DATABASE notify;
CREATE DATABASE identity;
CREATE DATABASE audit;
