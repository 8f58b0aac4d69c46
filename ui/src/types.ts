// What the HTTP API tells, as far as the page looks at it: docs/api.md names every key.

export type WorkerState = "MAINTENANCE" | "IDLE" | "RUNNING" | "FAILED" | "PREPARE" | "BUSY";

export interface Worker {
  WorkerUUID: string;
  Name: string;
  State: WorkerState;
  Groups: string[] | null;
  Caps: Record<string, string>;
  Labels?: Record<string, string>;
  Reason?: string;
  Since: string;
  AfterJob?: boolean;
  UnreachableSince?: string;
  Dispute?: string;
  Fence?: string;
  Notes?: string;
  Photo?: string;
  Board?: Record<string, string>;
  HostKey?: string;
  Epoch?: number;
  ManyKeys?: boolean;
}

export type RequestState =
  | "WAITING"
  | "IN PROGRESS"
  | "CANCELLED"
  | "TIMEOUT"
  | "INVALID"
  | "DONE"
  | "FAILED";

export interface Job {
  WorkerUUID: string;
  Timeout: string;
  Granted?: string;
  Limit?: string;
  Epoch?: number;
}

export interface Request {
  ID: number;
  State: RequestState;
  Priority: number;
  Owner: { Groups: string[] | null; Name?: string };
  Caps: Record<string, string> | null;
  Selector?: string;
  Job: Job | null;
  Deadline?: string;
  ValidAfter?: string;
  Created: string;
  Finished?: string;
  Reason?: string;
  SharedWith?: string[];
  SSHKey?: string;
}

export interface Explanation {
  ID: number;
  State: string;
  Position: number | null;
  Text: string;
  Cause: string;
  Changes: string[];
  Forecast: { Earliest: string; Latest: string } | null;
  Holders: { WorkerUUID: string; Name: string; Request: number; Owner: string | null; Until: string }[];
}

export type Role = "viewer" | "user" | "group-admin" | "admin" | "auditor";

/** What an account may take; times are in seconds, what is not there limits nothing. */
export interface Limits {
  HighestPriority?: number;
  LowestPriority?: number;
  Jobs?: number;
  Waiting?: number;
  JobTime?: number;
  ProlongTime?: number;
}

export interface Account {
  Name: string;
  Role: Role;
  FullName: string;
  Groups: string[] | null;
  Limits: Limits;
  Disabled?: boolean;
}

export interface Group {
  Name: string;
  Limits: Limits;
  KeysForAdmins: boolean;
  MembersJoin: boolean;
}

export interface Token {
  ID: string;
  Account?: string;
  Kind: string;
  Scope: string;
  Name: string;
  Expires: string;
  Uses?: number;
}

export interface Me {
  Name: string;
  Role: Role;
  Groups: string[] | null;
  Scope: "read" | "request" | "admin";
  Limits: Limits;
  Token: { ID: string; Expires: string; Name: string } | null;
}

export interface Access {
  Addr: { IP: string; Port: number; Zone?: string };
  Key: string;
  Username: string;
  HostKey?: string;
}

export interface FarmEvent {
  Number: number;
  At: string;
  Kind: string;
  Request: number | null;
  Worker: string | null;
  State: string | null;
  Reason: string | null;
}
